import { execFile } from "node:child_process";
import { readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";

const run = promisify(execFile);
const LIST = `import importlib.metadata as m, json, sys
print(json.dumps({"python": ".".join(map(str, sys.version_info[:3])),
                  "packages": {d.metadata["Name"]: d.version for d in m.distributions() if d.metadata["Name"]}}))`;

const contentSchema = z.object({ python: z.string(), packages: z.record(z.string(), z.string()) });

/** What is installed in an environment. */
export type EnvironmentContent = z.infer<typeof contentSchema>;

const PACKAGES_FILE = ".packages.json";
/** Environments of one machine whose content is looked at. */
const MAX_LOOKED_AT = 200;

/** name -> version when every line pins one package to one version and says nothing else; otherwise undefined. */
export function exactPins(requirements: readonly string[]): Map<string, string> | undefined {
  const pins = new Map<string, string>();
  for (const line of requirements) {
    const [, name, version] = /^([A-Za-z0-9._-]+)\s*==\s*([A-Za-z0-9.+!]+)$/.exec(line) ?? [];
    if (name === undefined || version === undefined) return undefined;
    pins.set(normal(name), version);
  }
  return pins;
}

/** True when the same minor version of Python has every pinned package in exactly that version. */
export function satisfies(content: EnvironmentContent, python: string, pins: Map<string, string>): boolean {
  const minor = (version: string): string => version.split(".").slice(0, 2).join(".");
  if (minor(content.python) !== minor(python)) return false;
  const installed = new Map(
    Object.entries(content.packages).map(([name, version]) => [normal(name), version]),
  );
  return [...pins].every(([name, version]) => installed.get(name) === version);
}

/** Names are compared as PEP 503 has it. */
export function normal(name: string): string {
  return name.replaceAll(/[-_.]+/g, "-").toLowerCase();
}

/**
 * An environment of ours, built before for a model or for the steps of a pipeline, that has exactly what is pinned;
 * undefined when there is none. Ours are built once and never changed, so what is in one now will be in it.
 */
export async function findSatisfying(
  root: string,
  python: string,
  pins: Map<string, string>,
  env: Record<string, string>,
): Promise<string | undefined> {
  const names = (await readdir(root).catch(() => [])).filter((name) => !name.endsWith(".lock"));
  for (const name of names.slice(0, MAX_LOOKED_AT)) {
    const folder = join(root, name);
    const content = (await isThere(join(folder, ".complete"))) ? await contentOf(folder, env) : undefined;
    if (content !== undefined && satisfies(content, python, pins)) return folder;
  }
  return undefined;
}

/** What an environment holds, asked of it once; undefined for one without Python. */
export async function contentOf(
  folder: string,
  env: Record<string, string>,
): Promise<EnvironmentContent | undefined> {
  const known = await readFile(join(folder, PACKAGES_FILE), "utf8").catch(() => undefined);
  try {
    if (known !== undefined) return contentSchema.parse(JSON.parse(known));
    const python = join(folder, "bin", "python");
    if (!(await isThere(python))) return undefined;
    const { stdout } = await run(python, ["-c", LIST], { env, timeout: 60_000, maxBuffer: 8 * 1024 * 1024 });
    const content = contentSchema.parse(JSON.parse(stdout));
    await writeFile(join(folder, PACKAGES_FILE), JSON.stringify(content));
    return content;
  } catch {
    return undefined;
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
