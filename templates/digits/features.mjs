// Step 1: checks the raw data, picks the features, keeps every fifth row for the evaluation.
import { mkdirSync } from "node:fs";
import { readCsv, writeCsv } from "./lib/data.mjs";

const { columns, records } = readCsv("data/digits.csv");
const features = columns.filter((column) => column !== "label");

for (const [i, record] of records.entries()) {
  const wrong = features.find((feature) => record[feature] < 0 || record[feature] > 100);
  if (wrong) throw new Error(`data/digits.csv:${i + 2}: ${wrong} is ${record[wrong]}, allowed is 0 to 100`);
}

const isHeldOut = (i) => i % 5 === 4;
const train = records.filter((_, i) => !isHeldOut(i));
const heldOut = records.filter((_, i) => isHeldOut(i));

mkdirSync("features", { recursive: true });
writeCsv("features/train.csv", [...features, "label"], train);
writeCsv("features/heldout.csv", [...features, "label"], heldOut);
console.log(`${train.length} rows to train on, ${heldOut.length} held out, ${features.length} features`);
