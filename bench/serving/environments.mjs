// The Python environments of the peers, made once per content of their requirements and kept in .cache/.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePython } from "../../tools/python.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Path of an environment's folder of commands, with `python/<name>.txt` installed; throws with what is missing. */
export function environment(name) {
  const requirements = here(`python/${name}.txt`);
  const folder = here(`../../.cache/python/serving-${name}`);
  const bin = join(folder, "bin");
  const stamp = join(folder, ".requirements.sha256");
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return bin;
  const uv = join(ensurePython(), "..", "uv");
  rmSync(folder, { recursive: true, force: true });
  run(uv, ["venv", "--quiet", "--no-python-downloads", "--python", ensurePython(), folder]);
  run(uv, ["pip", "install", "--quiet", "--python", join(bin, "python"), "-r", requirements]);
  writeFileSync(stamp, wanted);
  return bin;
}

/** Versions of installed packages, in one line. */
export function versions(bin, packages) {
  const program = `import importlib.metadata as m; print(", ".join(f"{p} {m.version(p)}" for p in ${JSON.stringify(packages)}))`;
  return run(join(bin, "python"), ["-c", program]).trim();
}

export function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${command}: ${error?.message ?? stderr.trim().split("\n").at(-1)}`);
}
