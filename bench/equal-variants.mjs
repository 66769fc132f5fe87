// Equal variants on the real server under load: every rollout here is of the very model that serves, so every
// rollback is a false one. What a simulation can't show: that our own processes treat both arms alike.
// Arguments: rollouts. Part of `npm run bench:rollout`.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startPlatform } from "./lib/platform.mjs";
import { run } from "./lib/project.mjs";
import { machine, quantile } from "./lib/report.mjs";
import { askForChampion, registerEqual } from "./lib/versions.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const command = here("../bin/slipway");
const AUTHOR = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
/** Services that are tried side by side. */
const SERVICES = 4;
const CONNECTIONS = 2;
const DEADLINE_S = 30;
/** The declared rates are the product's defaults; margin and deadline are such that a rollout takes some seconds. */
const ROLLOUT = `rollout:
  steps: [5, 25, 50]
  falseRollbackRate: 0.01
  falsePromotionRate: 0.05
  metrics:
    - { name: errors, worseBy: 1pp }
    - { name: latency, quantile: 0.95, worseBy: 20% }
  deadline: ${DEADLINE_S}s
  onNotEnoughData: rollback
`;

async function pushService(platform, folder, name) {
  const work = join(folder, name);
  await run(process.execPath, [command, "init", work, "--template", "digits"], { cwd: folder });
  const spec = join(work, "slipway.yaml");
  writeFileSync(spec, readFileSync(spec, "utf8").replace(/^rollout:[^]*$/m, ROLLOUT));
  await run("git", [...AUTHOR, "commit", "--quiet", "-am", "Short rollouts"], { cwd: work });
  await run("git", ["push", "--quiet", `${platform.gitUrl}/${name}.git`, "HEAD:main"], { cwd: work });
}

function startLoad(platform, folder, name, seconds) {
  const bodyFile = join(folder, "body.json");
  const features = Array.from({ length: 16 }, (_, i) => (i * 13) % 101);
  const input = { name: "features", shape: [1, 16], datatype: "FP32", data: features };
  writeFileSync(bodyFile, JSON.stringify({ inputs: [input] }));
  const port = new URL(platform.url).port;
  const path = `/v2/models/${name}/infer`;
  const args = [here("lib/closed-loop.mjs"), port, path, bodyFile, CONNECTIONS, seconds];
  return spawn(process.execPath, args.map(String), { stdio: ["ignore", "ignore", "inherit"] });
}

function modelFolder(platform) {
  const models = join(platform.dataDir, "models");
  const found = readdirSync(models)
    .map((name) => join(models, name))
    .find((path) => existsSync(join(path, "contract.json")));
  if (found === undefined) throw new Error("no model was ever served");
  return found;
}

/** The rollout of a version once it has ended. */
async function ended(platform, name, version) {
  const until = Date.now() + (DEADLINE_S + 60) * 1000;
  for (;;) {
    const answer = await fetch(`${platform.url}/api/slipway/v1/rollouts?model=${name}`);
    const { rollouts } = await answer.json();
    const rollout = rollouts.find((one) => one.version === version);
    if (rollout?.endedAt) return rollout;
    if (Date.now() > until) throw new Error(`the rollout of version ${version} of ${name} doesn't end`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** So many rollouts of one service, one after another. */
async function rolloutsOf(platform, name, folder, count, tell) {
  const results = [];
  for (let i = 0; i < count; i++) {
    const version = await registerEqual(platform, name, folder, `${name} ${i}`);
    await askForChampion(platform, name, version);
    const rollout = await ended(platform, name, version);
    const isUndecided = rollout.sentence?.includes("undecided at the deadline") === true;
    const took = (rollout.endedAt - rollout.progressingAt) / 1000;
    results.push({ state: rollout.state, isUndecided, took, sentence: rollout.sentence });
    tell(results.at(-1));
  }
  return results;
}

/** Runs them and answers what became of them. */
export async function equalVariants(rollouts, tell = () => {}) {
  const folder = mkdtempSync(join(tmpdir(), "slipway-bench-equal-"));
  const platform = await startPlatform();
  const loads = [];
  try {
    const names = Array.from({ length: SERVICES }, (_, i) => `equal-${i}`);
    for (const name of names) await pushService(platform, folder, name);
    const model = modelFolder(platform);
    for (const name of names) loads.push(startLoad(platform, folder, name, 3600));
    const each = Math.ceil(rollouts / SERVICES);
    const all = await Promise.all(names.map((name) => rolloutsOf(platform, name, model, each, tell)));
    const results = all.flat();
    const promoted = results.filter((one) => one.state === "promoted");
    const undecided = results.filter((one) => one.state === "rolledback" && one.isUndecided);
    const takenOut = results.filter((one) => one.state === "rolledback" && !one.isUndecided);
    return {
      rollouts: results.length,
      promoted: promoted.length,
      undecided: undecided.length,
      falseRollbacks: takenOut.length,
      sentences: takenOut.map((one) => one.sentence),
      medianSeconds: quantile(
        promoted.map((one) => one.took),
        0.5,
      ),
    };
  } finally {
    for (const load of loads) load.kill();
    await platform.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(machine());
  let done = 0;
  const result = await equalVariants(Number(process.argv[2] ?? 200), ({ state, took, sentence }) =>
    process.stderr.write(`${++done}: ${state} after ${took.toFixed(1)} s  ${sentence}\n`),
  );
  console.log(JSON.stringify(result, null, 2));
}
