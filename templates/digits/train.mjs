// Step 2: trains the network, writes and uploads the model. Parameters are in slipway.yaml.
import { mkdirSync, writeFileSync } from "node:fs";
import { readExamples } from "./lib/data.mjs";
import { contract, toOnnx } from "./lib/export.mjs";
import {
  accuracy,
  createNetwork,
  networkToJson,
  randomSource,
  trainEpoch,
  zerosLike,
} from "./lib/network.mjs";
import { logArtifact, logMetrics, logParams } from "./lib/tracking.mjs";

const params = {
  hidden: Number(process.env.SLIPWAY_PARAM_HIDDEN ?? 0),
  epochs: Number(process.env.SLIPWAY_PARAM_EPOCHS ?? 8),
  learningRate: Number(process.env.SLIPWAY_PARAM_LEARNING_RATE ?? 0.02),
  batch: Number(process.env.SLIPWAY_PARAM_BATCH ?? 32),
  seed: Number(process.env.SLIPWAY_PARAM_SEED ?? 1),
};
await logParams(params);

const { rows, labels } = readExamples("features/train.csv");
const random = randomSource(params.seed);
const network = createNetwork({
  scaling: scalingOf(rows),
  hidden: params.hidden,
  classes: Math.max(...labels) + 1,
  random,
});

const velocity = zerosLike(network);
for (let epoch = 1; epoch <= params.epochs; epoch++) {
  const loss = trainEpoch(network, velocity, { rows, labels, ...params, random });
  console.log(`epoch ${epoch}: loss ${loss.toFixed(4)}`);
  await logMetrics({ loss }, epoch);
}
await logMetrics({ train_accuracy: accuracy(network, rows, labels) }, params.epochs);

// The example in the contract comes from the held-out rows, spread over the whole file.
const heldOut = readExamples("features/heldout.csv").rows;
const example = heldOut.filter((_, i) => i % Math.floor(heldOut.length / 8) === 0).slice(0, 8);
const files = {
  "model/model.onnx": toOnnx(network),
  "model/contract.json": JSON.stringify(contract(network, example), null, 1),
};
mkdirSync("model", { recursive: true });
for (const [path, content] of Object.entries(files)) {
  writeFileSync(path, content);
  await logArtifact(path, content);
}
writeFileSync("network.json", networkToJson(network));

/** Mean and standard deviation of every feature. */
function scalingOf(rows) {
  const mean = rows[0].map((_, f) => rows.reduce((sum, row) => sum + row[f], 0) / rows.length);
  const deviation = mean.map(
    (centre, f) => Math.sqrt(rows.reduce((sum, row) => sum + (row[f] - centre) ** 2, 0) / rows.length) || 1,
  );
  return { mean, deviation };
}
