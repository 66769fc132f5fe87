const SUFFIX: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A Kubernetes quantity (`500m`, `16Gi`, `1e3`, 2) as a number; 0 for what isn't one. */
export function readQuantity(quantity: unknown): number {
  if (typeof quantity === "number") return quantity;
  if (typeof quantity !== "string") return 0;
  const match = /^([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)([numkMGTPE]i?|Ki|)$/.exec(quantity.trim());
  const factor = SUFFIX[match?.[2] ?? "?"];
  return match === null || factor === undefined ? 0 : Number(match[1]) * factor;
}

/** Cores with at most three digits: `1.25`. */
export function cores(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

/** Bytes in the unit that people use: `1.5 GiB`, `320 MiB`. */
export function gibibytes(bytes: number): string {
  if (bytes === 0) return "0";
  if (bytes >= 2 ** 30) return `${Math.round((bytes / 2 ** 30) * 10) / 10} GiB`;
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
