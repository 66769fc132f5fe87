import { parseSize } from "../units.ts";

/** Cores of `2`, `0.5`, `500m`. */
export function cores(quantity: string): number {
  return quantity.endsWith("m") ? Number(quantity.slice(0, -1)) / 1000 : Number(quantity);
}

/** Bytes of `512Mi`, `16Gi`; NaN for text that isn't a quantity of bytes. */
export function bytes(quantity: string): number {
  const peta = /^(\d+(?:\.\d+)?)(Pi|P)$/.exec(quantity);
  if (peta !== null) return Number(peta[1]) * (peta[2] === "Pi" ? 2 ** 50 : 1e15);
  return parseSize(quantity) ?? Number.NaN;
}
