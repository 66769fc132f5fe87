// `npm run bench:start`: from `slipway up` to ready, and the idle memory of all its processes together.
import { setTimeout as sleep } from "node:timers/promises";
import { machine, quantile, table } from "./lib/report.mjs";
import { processName, processTree, pssMegabytes, startPlatform } from "./lib/platform.mjs";

const RUNS = Number(process.env.RUNS ?? 7);
const SETTLE_MS = 5000;

console.log(machine());
const starts = [];
let memory = [];
for (let i = 0; i < RUNS; i++) {
  const platform = await startPlatform();
  starts.push(platform.readyMs);
  if (i === RUNS - 1) {
    await sleep(SETTLE_MS);
    memory = processTree(platform.pid).map((pid) => ({ name: processName(pid), mb: pssMegabytes(pid) }));
  }
  await platform.stop();
}
const total = memory.reduce((sum, row) => sum + row.mb, 0);
console.log(
  table([
    ["figure", "value", "target"],
    ["start to ready, p50", `${quantile(starts, 0.5).toFixed(0)} ms`, "1500 ms"],
    ["start to ready, worst", `${quantile(starts, 1).toFixed(0)} ms`, ""],
    ...memory.map((row) => [`idle PSS, ${row.name}`, `${row.mb.toFixed(1)} MB`, ""]),
    ["idle PSS, all processes", `${total.toFixed(1)} MB`, "150 MB"],
  ]),
);
