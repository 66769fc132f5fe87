import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Version of the package that this program belongs to. */
export function ownVersion(packageDir: string): string {
  return (JSON.parse(readFileSync(join(packageDir, "package.json"), "utf8")) as { version: string }).version;
}
