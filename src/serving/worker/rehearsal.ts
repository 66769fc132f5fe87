import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isObject, parseObject } from "../protocol/v2.ts";
import type { Batcher, Job } from "./batcher.ts";

const MOST_REQUESTS = 200;
const LONGEST_MS = 150;

/**
 * Answers the contract's example again and again, the whole way from the body's bytes to the answer's, until the
 * runtime has compiled what it runs often. A fresh worker's first hundred answers are several times slower than its
 * later ones; a challenger would show them to the callers of its first, small share, and a test of latency would
 * take them for the model's. Without an example, nothing: only the model's author knows an input that it accepts.
 */
export async function rehearse(batcher: Batcher, modelDir: string, ticks: () => number): Promise<void> {
  const body = await exampleBody(modelDir);
  if (body === undefined) return;
  const until = ticks() + LONGEST_MS;
  for (let i = 0; i < MOST_REQUESTS && ticks() < until; i++) {
    const status = await answered(batcher, body);
    // Whether it answers rightly is for the contract check.
    if (status !== 200) return;
  }
}

async function exampleBody(modelDir: string): Promise<Buffer | undefined> {
  try {
    const contract = parseObject(await readFile(join(modelDir, "contract.json")));
    return isObject(contract["request"]) ? Buffer.from(JSON.stringify(contract["request"])) : undefined;
  } catch {
    return undefined;
  }
}

function answered(batcher: Batcher, body: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const job: Job = { protocol: "v2", body, cancelled: false, answer: (status) => resolve(status) };
    batcher.add(job);
  });
}
