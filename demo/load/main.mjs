// The load generator, a process of its own: it knows the platform by its public address only.
// Its parent talks to it by IPC: start, rate, tally, stop. Every request becomes a line in `logFile`.
import { createWriteStream, readFileSync } from "node:fs";
import { DelayedLabels } from "./labels.mjs";
import { Observations, versionOf } from "./observations.mjs";
import { Traffic } from "./traffic.mjs";

const observations = new Observations();
let traffic, labels, log;

const handlers = {
  start({ url, model, rowsFile, labelDelayMs, logFile }) {
    const rows = readRows(rowsFile);
    log = createWriteStream(logFile);
    labels = new DelayedLabels({
      url: `${url}/api/slipway/v1/services/${model}/labels`,
      delayMs: labelDelayMs,
    });
    traffic = new Traffic({
      url: `${url}/v2/models/${model}/infer`,
      nextRequest: (i) => ({ requestId: `demo-${process.pid}-${i}`, ...rows[i % rows.length] }),
      onAnswer: (answer) => judge(answer),
    });
  },
  rate: ({ rate }) => traffic.setRate(rate),
  tally: (range) => ({
    ...observations.tally(range),
    labels: { sent: labels.sent, dropped: labels.dropped, problem: labels.lastProblem },
  }),
  async stop() {
    await traffic.stop();
    await labels.stop();
    await new Promise((resolve) => log.end(resolve));
  },
};

process.on("message", async ({ id, type, ...args }) => {
  try {
    process.send({ id, result: (await handlers[type](args)) ?? null });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C in a terminal reaches this process too; the parent decides when it ends.
process.on("SIGINT", () => {});

/** Compares an answer with the truth that only this process knows. */
function judge({ requestId, truth, at, latencyMs, status, variant, echoedId, body, error }) {
  const record = { requestId, at, latencyMs, status, version: versionOf(variant), truth, error };
  if (status === 200) {
    record.predicted = predictedIn(body);
    record.right = record.predicted === truth;
    if (echoedId !== requestId) record.error = `the answer carries the request id ${echoedId}`;
    labels.add(requestId, truth);
  }
  observations.add(record);
  log.write(`${JSON.stringify(record)}\n`);
}

/** The `label` output of an Open Inference V2 answer; undefined when there is none. */
function predictedIn(body) {
  try {
    return Number(JSON.parse(body).outputs.find(({ name }) => name === "label").data[0]);
  } catch {
    return undefined;
  }
}

/** One request body and its true label per line of the CSV file. */
function readRows(file) {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n").slice(1);
  return lines.map((line) => {
    const values = line.split(",").map(Number);
    const truth = values.pop();
    const input = { name: "features", shape: [1, values.length], datatype: "FP32", data: values };
    return { truth, body: JSON.stringify({ inputs: [input] }) };
  });
}
