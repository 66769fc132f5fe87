// The Python that tests and the demo use: a virtual environment inside the project, made once per content
// of its requirements. Python packages come from the machine's own package index settings.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const requirements = join(root, "test", "python", "requirements.txt");
const venv = join(root, ".venv");
const stamp = join(venv, ".requirements.sha256");
const python = join(venv, "bin", "python");

/** Path of the environment's python, with the requirements installed. Throws with what is missing. */
export function ensurePython() {
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  if (existsSync(python) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return python;
  console.error("installing Python packages of test/python/requirements.txt into .venv");
  rmSync(venv, { recursive: true, force: true });
  run("python3", ["-m", "venv", venv], "Python 3.10 or newer with its venv module is needed");
  run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv==0.13.9"], "pip failed");
  run(
    join(venv, "bin", "uv"),
    ["pip", "install", "--quiet", "--python", python, "-r", requirements],
    "uv failed",
  );
  writeFileSync(stamp, wanted);
  return python;
}

function run(command, args, hint) {
  const { error, status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (!error && status === 0) return;
  const last = (stderr ?? error?.message ?? "").trim().split("\n").slice(-5).join("\n");
  throw new Error(`${hint}: \`${command} ${args.slice(0, 3).join(" ")} …\` failed\n${last}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(ensurePython());
