import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readParquet } from "../../src/monitoring/prediction-log/parquet.ts";
import type { LogRow } from "../../src/monitoring/prediction-log/log-row.ts";
import type { WhyAnswer } from "../../src/why/answer.ts";
import { testPython } from "../support/python-environment.ts";
import { SUMMANDS } from "./adder.ts";
import {
  api,
  eventually,
  git,
  newFolder,
  processesOf,
  removeFolder,
  run,
  slipway,
  startPlatform,
  type TestPlatform,
} from "./platform.ts";
import { ADDER, modelProject, workTree } from "./projects.ts";

const data = newFolder("plog");
const copies = newFolder("plog-copies");
let platform: TestPlatform | undefined;
afterAll(async () => {
  await platform?.stop();
  removeFolder(data);
  removeFolder(copies);
});

const there = (): TestPlatform => {
  if (platform === undefined) throw new Error("the platform didn't start");
  return platform;
};

async function predict(id: string): Promise<boolean> {
  try {
    const answer = await fetch(`${there().url}/v2/models/adder/infer`, {
      method: "POST",
      headers: { "x-slipway-request-id": id },
      body: SUMMANDS,
      signal: AbortSignal.timeout(5_000),
    });
    await answer.arrayBuffer();
    return answer.status === 200;
  } catch {
    return false;
  }
}

async function newest(limit = 1_000): Promise<LogRow[]> {
  return (await api<{ rows: LogRow[] }>(there(), `/services/adder/predictions?limit=${limit}`)).rows;
}

function kill(role: string): void {
  for (const own of processesOf(data)) if (own.role === role) process.kill(own.pid, "SIGKILL");
}

const writeNow = () =>
  fetch(`${there().url}/api/slipway/v1/services/adder/predictions/files`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });

test("a logged request is found at once, and tells what made its answer", async () => {
  platform = await startPlatform(data);
  const work = await workTree(modelProject("adder", ADDER, "serving: { log: { sample: 100% } }\n"));
  const pushed = await git(work, "push", `${platform.gitUrl}/adder.git`, "HEAD:main");
  const { output: commit } = await git(work, "rev-parse", "HEAD");
  removeFolder(work);
  expect(pushed.output).toContain("first champion");
  expect(await predict("order-17")).toBe(true);

  const [row] = await eventually("the row", async () => {
    const rows = await newest();
    return rows.length > 0 ? rows : undefined;
  });
  expect(row).toMatchObject({
    request_id: "order-17",
    version: 1,
    arm: "champion",
    status: 200,
    input_a_0: 1,
    input_b_1: 2,
    output_sum_0: 2,
    output_sum_1: 4,
  });
  const printed = await slipway(["predictions", "adder", "--url", platform.url]);
  expect(printed.output).toMatch(/order-17 +1 champion +200 .*a_0 1/);

  const why = await api<WhyAnswer>(platform, "/why/request/order-17");
  expect(why.chain.map(({ kind }) => kind)).toEqual(["request", "version", "run", "tracking-run"]);
  expect(why.chain[2]?.commit).toBe(commit.trim());
  expect(why.request).toMatchObject({ version: 1, status: 200, commit: row?.commit });
  const shown = await slipway(["why", "request/order-17", "--url", platform.url]);
  expect(shown.output).toContain("version/adder/1 champion");
  expect(shown.output).toMatch(/input +a_0 1, a_1 2/);
  expect(shown.output.split("\n").length).toBeLessThan(24);
  const unknown = await slipway(["why", "request/nobody", "--url", platform.url]);
  expect(unknown.code).toBe(5);
  expect(unknown.output).toMatch(/no prediction with the id "nobody" is kept: ids are kept since 2/);
});

test("kill -9 of serve and of control loses at most a moment, and nothing is there twice", async () => {
  const answered: string[] = [];
  const ask = async (prefix: string, count: number) => {
    for (let i = 0; i < count; i += 4)
      await Promise.all(
        [0, 1, 2, 3].map(async (place) => {
          const id = `${prefix}-${i + place}`;
          if (await predict(id)) answered.push(id);
        }),
      );
  };
  await ask("before", 100);
  // What can be read is in a file of the operating system's.
  await eventually("what was answered before", async () => {
    const logged = new Set((await newest()).map(({ request_id }) => request_id));
    return answered.every((id) => logged.has(id)) ? true : undefined;
  });
  const certain = [...answered];
  const asking = ask("during", 100);
  kill("serve");
  await asking;
  let tries = 0;
  await eventually("serve again", async () => ((await predict(`again-${(tries += 1)}`)) ? true : undefined));
  await ask("after", 40);
  certain.push(...answered.filter((id) => id.startsWith("after")));
  // In the middle of the conversion, or right before or after it.
  const writing = writeNow().catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 60));
  kill("control");
  await writing;
  await eventually("control again", async () => ((await writeNow()).ok ? true : undefined));
  const asked = await slipway(["predictions", "adder", "--url", there().url, "--download", copies]);
  expect(asked.output).toMatch(/^(\d+) of \1 files copied/);

  const rows: LogRow[] = [];
  for (const date of readdirSync(copies))
    for (const name of readdirSync(join(copies, date)))
      rows.push(...(await readParquet(join(copies, date, name))));
  const ids = rows.map(({ request_id }) => request_id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(certain.length).toBeGreaterThan(130);
  expect(certain.filter((id) => !ids.includes(id))).toEqual([]);
  const again = await slipway(["predictions", "adder", "--url", there().url, "--download", copies]);
  expect(again.output).toMatch(/^0 of \d+ files copied/);
});

test("pyarrow and pandas read the downloaded files as one table", async () => {
  const script = `
import json, sys
import pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
frame = table.to_pandas()
one = frame[frame.request_id == "order-17"].iloc[0]
print(json.dumps({
  "types": {f.name: str(f.type) for f in table.schema if f.name in ("request_id", "time", "version", "latency_ms", "direct", "input_a_0", "error")},
  "row": [int(one.version), one.arm, float(one.input_a_0), float(one.output_sum_1), str(one.time.tz)],
  "files": len(pq.ParquetDataset(sys.argv[1]).files),
}))`;
  const { output } = await run(testPython(), ["-c", script, copies]);
  const { types, row, files } = JSON.parse(output) as {
    types: object;
    row: unknown[];
    files: number;
  };
  expect(types).toEqual({
    request_id: "string",
    time: "timestamp[ms, tz=UTC]",
    version: "int32",
    latency_ms: "double",
    direct: "bool",
    input_a_0: "double",
    error: "string",
  });
  expect(row).toEqual([1, "champion", 1, 4, "UTC"]);
  expect(files).toBeGreaterThan(0);
});
