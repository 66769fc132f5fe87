import type { Layer } from "./layer.d.mts";

/** Writes an image's archive; answers its manifest's digest. */
export function writeArchive(image: {
  out: string;
  name: string;
  layers: readonly Layer[];
  config: object;
}): Promise<string>;
