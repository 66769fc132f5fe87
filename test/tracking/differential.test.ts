import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startMlflowServer, type MlflowServer } from "../support/mlflow-server.ts";
import { CASES } from "./differential/cases.ts";
import { Pair, type Call } from "./differential/pair.ts";
import { randomCalls } from "./differential/random.ts";
import { startPlatform, type TestPlatform } from "./platform.ts";

/** Random calls of one run of this test; each seed has its own experiment. */
const SEEDS = [1, 2];
const CALLS = 40;

let platform: TestPlatform;
let server: MlflowServer | string = "PostgreSQL's answers are those of SQLite, which is compared";
let pair: () => Pair;

beforeAll(async () => {
  if (inject("database") !== "sqlite") return;
  [platform, server] = await Promise.all([startPlatform(), startMlflowServer()]);
  if (typeof server === "string") throw new Error(`MLflow can't be started here: ${server}`);
  const url = await platform.app.listen({ host: "127.0.0.1", port: 0 });
  pair = () => new Pair((server as MlflowServer).url, url);
});
afterAll(async () => {
  await platform?.close();
  if (typeof server !== "string") await server.close();
});

/** One message for all differences, so that one run of the test shows them all. */
async function differences(calls: readonly Call[]): Promise<string[]> {
  const both = pair();
  const found: string[] = [];
  for (const call of calls) {
    const [theirs, ours] = (await both.send(call)).map((answer) => JSON.stringify(answer));
    if (theirs === ours) continue;
    const fields = JSON.stringify(call.fields ?? {}).slice(0, 300);
    found.push(`${call.method} ${call.path} ${fields}\n  MLflow  ${theirs}\n  Slipway ${ours}`);
  }
  return found;
}

describe("MLflow's server and this one", () => {
  it.for(Object.keys(CASES))("answer the same about %s", async (name, { skip }) => {
    if (typeof server === "string") return skip(server);
    expect(await differences(CASES[name] ?? [])).toEqual([]);
  });

  it.for(SEEDS)("answer random calls in the same way (seed %i)", async (seed, { skip }) => {
    if (typeof server === "string") return skip(server);
    expect(await differences(randomCalls(seed, CALLS))).toEqual([]);
  });
});
