import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const MAX_FILES = 200;

/** Bytes of all files in a model's folder; Infinity where there are many, or it can't be read. */
export function modelBytes(modelDir: string): number {
  try {
    const names = readdirSync(modelDir, { recursive: true, encoding: "utf8" });
    if (names.length > MAX_FILES) return Infinity;
    return names.reduce((sum, name) => sum + statSync(join(modelDir, name)).size, 0);
  } catch {
    return Infinity;
  }
}
