// Bundles the command into dist/: one file to load instead of hundreds, which halves the start time.
// `--if-stale` returns at once when nothing in src/ is newer than the last build.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stamp = join(root, "dist", ".built");

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
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  return ["src", "package.json", "tools/build.mjs"].every((name) => {
    const path = join(root, name);
    return (statSync(path).isDirectory() ? newest(path) : statSync(path).mtimeMs) <= built;
  });
}

/** Builds into a fresh folder and swaps it in, so that a running build never shows half a program. */
export async function build() {
  const { build: esbuild } = await import("esbuild");
  const started = new Date();
  const out = join(root, `dist.${process.pid}`);
  mkdirSync(out, { recursive: true });
  try {
    await esbuild({
      absWorkingDir: root,
      entryPoints: { main: "src/main.ts", "writer-thread": "src/roles/writer-thread.ts" },
      outdir: out,
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
    writeFileSync(join(out, ".built"), "");
    const { utimesSync } = await import("node:fs");
    utimesSync(join(out, ".built"), started, started);
    rmSync(join(root, "dist"), { recursive: true, force: true });
    renameSync(out, join(root, "dist"));
  } catch (error) {
    rmSync(out, { recursive: true, force: true });
    // Another process may have swapped its own build in between our rm and our rename.
    if (!isFresh()) throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!(process.argv.includes("--if-stale") && isFresh())) await build();
}
