// `npm run bench:rollout`: what the judge of a rollout promises, simulated with the product's own code. Bundles
// bench/rollout/ with the parts of src/ that it uses, and plays on all cores.
// `-- --quick` (a minute), `--only NAME`, `--rollouts N`, `--seed N`, `--threads N`, `--json FILE`, `--keep FILE`, `--list`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { equalVariants } from "./equal-variants.mjs";
import { machine, table } from "./lib/report.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const outdir = mkdtempSync(join(tmpdir(), "slipway-bench-rollout-"));
try {
  await build({
    absWorkingDir: root,
    entryPoints: { main: "bench/rollout/main.ts", worker: "bench/rollout/worker.ts" },
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    logLevel: "warning",
  });
  const { main } = await import(pathToFileURL(join(outdir, "main.mjs")).href);
  process.exitCode = await main({
    argv: process.argv.slice(2),
    workerPath: join(outdir, "worker.mjs"),
    docs: join(root, "docs", "benchmarks"),
    machine: machine(),
    table,
    equalVariants,
  });
} finally {
  rmSync(outdir, { recursive: true, force: true });
}
