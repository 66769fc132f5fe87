// Bundles the web console from console/: a script, what it loads later, and a style sheet, named after their content,
// with the forms that are sent compressed made here once, at the best that each coding can do. `node tools/console.mjs` prints sizes.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
/** Of all scripts, compressed by gzip: what a phone at night has to load. */
const SCRIPT_BUDGET_BYTES = 120_000;

/** Writes `console/index.html` and `console/assets/` below a folder; answers each file's size and its size by gzip. */
export async function bundleConsole(outdir) {
  const { build: esbuild } = await import("esbuild");
  const assets = join(outdir, "console", "assets");
  mkdirSync(assets, { recursive: true });
  const { metafile } = await esbuild({
    absWorkingDir: root,
    entryPoints: { console: "console/main.tsx" },
    outdir: assets,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: ["chrome116", "firefox124", "safari17.4"],
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
  const sizes = Object.keys(metafile.outputs).map((path) => compress(join(root, path)));
  const script = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint !== undefined);
  const template = readFileSync(join(root, "console", "index.html"), "utf8");
  const page = template
    .replace("{{script}}", `/console/assets/${basename(script[0])}`)
    .replace("{{style}}", `/console/assets/${basename(script[1].cssBundle)}`);
  writeFileSync(join(outdir, "console", "index.html"), page);
  return sizes;
}

function compress(path) {
  const plain = readFileSync(path);
  const gzip = gzipSync(plain, { level: 9 });
  writeFileSync(`${path}.gz`, gzip);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: 11 };
  writeFileSync(`${path}.br`, brotliCompressSync(plain, { params: quality }));
  return { name: basename(path), bytes: plain.length, gzip: gzip.length };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = mkdtempSync(join(tmpdir(), "slipway-console-"));
  try {
    const sizes = await bundleConsole(folder);
    for (const { name, bytes, gzip } of sizes) console.log(`${name}: ${bytes} bytes, ${gzip} by gzip`);
    const scripts = sizes.filter(({ name }) => name.endsWith(".js")).reduce((sum, { gzip }) => sum + gzip, 0);
    console.log(`scripts: ${scripts} of ${SCRIPT_BUDGET_BYTES} bytes by gzip`);
    if (scripts > SCRIPT_BUDGET_BYTES) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
