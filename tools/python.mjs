// The Pythons that tests and the demo use: virtual environments inside the project, each made once per content of its
// requirements. Python packages come from the machine's own package index settings.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const main = { requirements: join(root, "test", "python", "requirements.txt"), folder: join(root, ".venv") };
const uv = join(main.folder, "bin", "uv");

/**
 * Path of the environment's python, with the requirements installed. Throws with what is missing.
 * @returns {string}
 */
export function ensurePython() {
  return ensure(main, (python) => {
    run("python3", ["-m", "venv", main.folder], "Python 3.10 or newer with its venv module is needed");
    run(
      python,
      ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv==0.13.9"],
      "pip failed",
    );
  });
}

/**
 * As `ensurePython`, for an engine or client that doesn't go with the others: `test/engines/python/<name>.txt`, kept
 * in `.cache/python/<name>`. Its first line, `# python 3.11`, says which Python it needs.
 * @param {string} name
 * @returns {string}
 */
export function ensureEnginePython(name) {
  ensurePython();
  const requirements = join(root, "test", "engines", "python", `${name}.txt`);
  const version = /^# python (\S+)/.exec(readFileSync(requirements, "utf8"))?.[1];
  if (version === undefined) throw new Error(`${requirements} doesn't begin with \`# python VERSION\``);
  const folder = join(root, ".cache", "python", name);
  return ensure({ requirements, folder }, () =>
    run(uv, ["venv", "--quiet", "--no-python-downloads", "--python", version, folder], "uv failed"),
  );
}

/**
 * Installs what a requirements file pins by hash into a folder of its own, which no environment knows of.
 * @param {string} requirements
 * @param {string} folder
 */
export function installPackages(requirements, folder) {
  ensurePython();
  run(
    uv,
    ["pip", "install", "--quiet", "--require-hashes", "--target", folder, "-r", requirements],
    "uv failed",
  );
}

/** An environment is complete once its stamp is there. */
function ensure({ requirements, folder }, make) {
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  const python = join(folder, "bin", "python");
  const stamp = join(folder, ".requirements.sha256");
  if (existsSync(python) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return python;
  console.error(
    `installing Python packages of ${relative(root, requirements)} into ${relative(root, folder)}`,
  );
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  make(python);
  run(uv, ["pip", "install", "--quiet", "--python", python, "-r", requirements], "uv failed");
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
