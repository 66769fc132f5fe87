import { readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createKubernetesTools } from "../../../src/roles/kubernetes-tools.ts";
import type { Rendered } from "../../../src/targets/kubernetes/render/rendered.ts";

const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "examples", "platforms");

/** A platform of record. */
export interface PlatformFile {
  name: string;
  path: string;
}

/** Every platform of a folder, by default of examples/platforms. */
export function platformFiles(folder = EXAMPLES): PlatformFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".yaml") && !name.endsWith(".lock.yaml"))
    .map((name) => ({ name: basename(name, ".yaml"), path: join(folder, name) }));
}

/** What it becomes, as the command makes it. Throws with the problems of the file. */
export function renderFile({ path, name }: PlatformFile): Rendered {
  const tools = createKubernetesTools();
  const parsed = tools.parse(readFileSync(path, "utf8"), name);
  if (!parsed.ok) throw new Error(`${path}: ${JSON.stringify(parsed.problems, null, 2)}`);
  return tools.render(parsed.value.base, join(dirname(path), "charts")) as Rendered;
}
