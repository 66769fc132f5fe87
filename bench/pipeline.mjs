// `npm run bench:pipeline`: 20 trivial steps one after the other, and 100 side by side. The overhead of a step is
// the pipeline run's time less what the same processes take when a bare program starts them, per step.
import { spawn } from "node:child_process";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { machine, quantile, table } from "./lib/report.mjs";
import { startPlatform } from "./lib/platform.mjs";
import { makeProject } from "./lib/project.mjs";

const REPEATS = Number(process.env.RUNS ?? 5);
const SEQUENTIAL = 20;
const PARALLEL = 100;

const chain = Array.from({ length: SEQUENTIAL }, (_, i) => ({
  name: `s${i}`,
  needs: i === 0 ? [] : [`s${i - 1}`],
}));
const fan = Array.from({ length: PARALLEL }, (_, i) => ({ name: `p${i}`, needs: [] }));

function spec(name, steps) {
  const rows = steps.map(
    ({ name, needs }) => `    - { name: ${name}, run: "true", needs: [${needs.join(", ")}] }`,
  );
  return `apiVersion: slipway/v1\nkind: Project\nname: ${name}\npipeline:\n  cache: false\n  steps:\n${rows.join("\n")}\n`;
}

const trivial = () =>
  new Promise((resolve) => spawn("sh", ["-c", "true"], { stdio: "ignore" }).on("exit", resolve));

/** The same processes started by a bare program: one after the other, or as many at once as there are cores. */
async function bare(count, width) {
  const started = performance.now();
  let left = count;
  const worker = async () => {
    while (left-- > 0) await trivial();
  };
  await Promise.all(Array.from({ length: width }, worker));
  return performance.now() - started;
}

async function measure(platform, name, steps, width) {
  const project = await makeProject(name, { "slipway.yaml": spec(name, steps) }, platform.gitUrl);
  const totals = [];
  const bares = [];
  for (let i = 0; i < REPEATS; i++) {
    await project.push(`run ${i}`);
    const answer = await fetch(`${platform.url}/api/slipway/v1/pipeline-runs?project=${name}&limit=1`);
    const { pipelineRuns } = await answer.json();
    const one = await (
      await fetch(`${platform.url}/api/slipway/v1/pipeline-runs/${pipelineRuns[0].id}`)
    ).json();
    if (one.state !== "succeeded") throw new Error(`${name}: ${one.state}: ${one.reason}`);
    const begun = Math.min(...one.steps.map((step) => step.startedAt));
    const ended = Math.max(...one.steps.map((step) => step.finishedAt));
    totals.push(ended - begun);
    bares.push(await bare(steps.length, width));
  }
  project.remove();
  const total = quantile(totals, 0.5);
  const own = quantile(bares, 0.5);
  return [
    `${steps.length} steps, ${width === 1 ? "one after the other" : `${width} at once`}`,
    `${total.toFixed(0)} ms`,
    `${own.toFixed(0)} ms`,
    `${((total - own) / steps.length).toFixed(1)} ms`,
    "15 ms",
  ];
}

/** Prefect 3 where `PREFECT_PYTHON` names a Python that has it: the same chain, by its own engine. */
function prefect() {
  const python = process.env.PREFECT_PYTHON;
  if (!python) return ["Prefect, chain of 20", "not run", "", "", ""];
  const folder = mkdtempSync(join(tmpdir(), "slipway-bench-prefect-"));
  const script = join(folder, "chain.py");
  writeFileSync(
    script,
    `import subprocess, time
from prefect import flow, task
@task
def step(_):
    subprocess.run(["sh", "-c", "true"], check=True)
@flow(log_prints=False)
def chain():
    started = time.perf_counter()
    last = None
    for _ in range(${SEQUENTIAL}):
        last = step(last)
    return (time.perf_counter() - started) * 1000
print("TOTAL", chain())
`,
  );
  const ran = spawnSync(python, [script], {
    encoding: "utf8",
    env: {
      ...process.env,
      PREFECT_HOME: folder,
      PREFECT_LOGGING_LEVEL: "ERROR",
      PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: "90",
    },
  });
  rmSync(folder, { recursive: true, force: true });
  const total = Number(/TOTAL ([\d.]+)/.exec(ran.stdout)?.[1]);
  if (!Number.isFinite(total)) return ["Prefect, chain of 20", "failed", "", "", ""];
  return [
    "Prefect, chain of 20",
    `${total.toFixed(0)} ms`,
    "",
    `${(total / SEQUENTIAL).toFixed(1)} ms (with its start)`,
    "",
  ];
}

console.log(machine());
const platform = await startPlatform();
try {
  const rows = [
    await measure(platform, "chain", chain, 1),
    await measure(platform, "fan", fan, availableParallelism()),
    prefect(),
  ];
  console.log(
    table([["pipeline run", "total, p50", "bare processes, p50", "overhead per step", "target"], ...rows]),
  );
} finally {
  await platform.stop();
}
