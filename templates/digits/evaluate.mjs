// Step 3: measures the network on rows it never saw. The gate in slipway.yaml reads these metrics.
import { readFileSync } from "node:fs";
import { readExamples } from "./lib/data.mjs";
import { argMax, networkFromJson, predict } from "./lib/network.mjs";
import { logMetrics } from "./lib/tracking.mjs";

const { rows, labels } = readExamples("features/heldout.csv");
const network = networkFromJson(readFileSync("network.json", "utf8"));

const seen = new Map();
const right = new Map();
let logLoss = 0;
rows.forEach((row, i) => {
  const probabilities = predict(network, row);
  const label = labels[i];
  seen.set(label, (seen.get(label) ?? 0) + 1);
  if (argMax(probabilities) === label) right.set(label, (right.get(label) ?? 0) + 1);
  logLoss -= Math.log(Math.max(probabilities[label], 1e-12));
});

const sum = (counts) => [...counts.values()].reduce((total, count) => total + count, 0);
const recalls = [...seen].map(([label, count]) => (right.get(label) ?? 0) / count);
const metrics = {
  accuracy: sum(right) / rows.length,
  log_loss: logLoss / rows.length,
  worst_digit_recall: Math.min(...recalls),
};
console.log(
  Object.entries(metrics)
    .map(([name, value]) => `${name} ${value.toFixed(4)}`)
    .join(", "),
);
await logMetrics(metrics);
