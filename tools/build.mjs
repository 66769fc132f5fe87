// Bundles the command: one file to load instead of hundreds, which halves the start time. Every build has a
// folder of its own in .builds/, and dist/ is a link to the newest, so that a platform that runs while a newer
// program is built keeps the code it was started with.
// `--if-stale` returns at once when nothing in src/ or console/ is newer than the last build; `--pack` makes dist/ a
// real folder, because packages carry no links.
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleConsole } from "./console.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const builds = join(root, ".builds");
/** Builds that platforms may still run from. */
const KEPT_BUILDS = 8;

/** Newest modification time below a folder, in milliseconds. */
function newest(folder) {
  let latest = statSync(folder).mtimeMs;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }
  return latest;
}

/** True when dist/ holds a build of exactly these sources. */
export function isFresh() {
  const stamp = join(dist, ".built");
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  return ["src", "console", "package.json", "tools/build.mjs", "tools/console.mjs"].every((name) => {
    const path = join(root, name);
    return (statSync(path).isDirectory() ? newest(path) : statSync(path).mtimeMs) <= built;
  });
}

/** Bundles into a folder of its own, then points dist/ to it in one step. */
export async function build({ pack = false } = {}) {
  const started = new Date();
  const name = `${started.getTime()}-${process.pid}`;
  const out = join(builds, name);
  mkdirSync(out, { recursive: true });
  try {
    await Promise.all([bundle(out), bundleConsole(out)]);
    // Runs in models' own Python; nothing of it is compiled.
    cpSync(join(root, "src", "serving", "python"), join(out, "python"), {
      recursive: true,
      filter: (path) => !path.includes("__pycache__"),
    });
    writeFileSync(join(out, ".built"), "");
    utimesSync(join(out, ".built"), started, started);
  } catch (error) {
    rmSync(out, { recursive: true, force: true });
    throw error;
  }
  if (isRealFolder(dist) || pack) rmSync(dist, { recursive: true, force: true });
  if (pack) return renameSync(out, dist);
  const link = join(builds, `${name}.link`);
  symlinkSync(join(".builds", name), link);
  renameSync(link, dist);
  const old = readdirSync(builds).sort().slice(0, -KEPT_BUILDS);
  for (const folder of old) rmSync(join(builds, folder), { recursive: true, force: true });
}

async function bundle(outdir) {
  const { build: esbuild } = await import("esbuild");
  await esbuild({
    absWorkingDir: root,
    entryPoints: {
      main: "src/main.ts",
      "writer-thread": "src/roles/writer-thread.ts",
      "parquet-thread": "src/roles/parquet-thread.ts",
    },
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "none",
    external: ["onnxruntime-node", "@photostructure/sqlite"],
    // CommonJS dependencies inside an ES module bundle still call require().
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
}

function isRealFolder(path) {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const pack = process.argv.includes("--pack");
  if (pack || !(process.argv.includes("--if-stale") && isFresh())) await build({ pack });
}
