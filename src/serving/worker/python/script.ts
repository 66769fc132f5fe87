import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The program that runs in a model's own Python: beside the bundle, or where its source is. */
export function workerScript(): string {
  const places = ["./python/worker.py", "../../python/worker.py"];
  const found = places
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error("worker.py isn't part of this installation");
  return found;
}
