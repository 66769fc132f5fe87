import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { joinBuffers } from "../../src/base/bytes.ts";
import { convertSegment } from "../../src/monitoring/prediction-log/convert-segment.ts";
import type { ConvertFailure } from "../../src/monitoring/prediction-log/convert-thread.ts";
import { listLogFiles } from "../../src/monitoring/prediction-log/log-files.ts";
import { folderIntake } from "../../src/monitoring/prediction-log/intake.ts";
import { folderLogStore } from "../../src/monitoring/prediction-log/log-store.ts";
import { folderSpool } from "../../src/monitoring/prediction-log/spool.ts";
import { createPredictionLogWriter } from "../../src/monitoring/prediction-log/prediction-log.ts";
import { createPredictionLogReader } from "../../src/monitoring/prediction-log/reader.ts";
import { overdue } from "../../src/monitoring/prediction-log/retention.ts";
import { encodeBinary, FRAME_KIND, invocationPrefix } from "../../src/serving/frames.ts";
import { encodeLogged } from "../../src/serving/logged-prediction.ts";
import type { LoggedHead } from "../../src/serving/logged-prediction.ts";

const AT = Date.UTC(2026, 10, 21, 23, 59, 59, 500);
const SEGMENT = "0mi8x1q2zabcdef-00000001";

let dir: string;
let root: string;
let spoolDir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "slipway-plog-"));
  root = join(dir, "predictions");
  spoolDir = dir;
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const head = (id: string, more: Partial<LoggedHead> = {}): LoggedHead => ({
  id,
  at: AT,
  service: "digits",
  version: 3,
  arm: "champion",
  status: 200,
  ms: 1.23456,
  commit: "c0ffee",
  kind: FRAME_KIND.v2,
  ...more,
});

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const tensor = (name: string, shape: number[], data: unknown[], datatype = "FP32") => ({
  name,
  shape,
  datatype,
  data,
});
const ONE = json({ inputs: [tensor("x", [2, 2], [1, 2, 3, 4])] });
const ONE_ANSWER = json({ outputs: [tensor("label", [2], [7, 8], "INT64")] });
const one = (id: string, more: Partial<LoggedHead> = {}) => encodeLogged(head(id, more), ONE, ONE_ANSWER);

const reader = () =>
  createPredictionLogReader({
    store: folderLogStore(root),
    spool: folderSpool(spoolDir),
    ticks: () => performance.now(),
  });

async function spool(name: string, ...records: Buffer[]): Promise<string> {
  const path = join(spoolDir, `${name}.spool`);
  await writeFile(path, joinBuffers(records) as unknown as Uint8Array);
  return path;
}

test("one file per service and day; a row per instance, with a column per value", async () => {
  const path = await spool(
    SEGMENT,
    one("a", { caller: "abc" }),
    one("b", { at: AT + 1_000 }),
    one("c", { service: "other/../name" }),
  );
  await convertSegment(path, root);
  expect((await readdir(root)).sort()).toEqual([".writing", "digits", "other%2F..%2Fname"]);
  expect((await listLogFiles(root, "digits")).map(({ date, from }) => [date, from])).toEqual([
    ["2026-11-21", AT],
    ["2026-11-22", AT + 1_000],
  ]);
  expect(await readdir(spoolDir)).toEqual(["predictions"]);
  const rows = await reader().find("a");
  expect(rows).toHaveLength(2);
  expect(rows[1]).toEqual({
    request_id: "a",
    row: 1,
    time: new Date(AT),
    service: "digits",
    model: "digits",
    version: 3,
    variant: "3",
    arm: "champion",
    status: 200,
    latency_ms: 1.235,
    caller: "abc",
    commit: "c0ffee",
    direct: false,
    fallback_version: null,
    error: null,
    inputs: null,
    outputs: null,
    omitted: null,
    input_x_0: 3,
    input_x_1: 4,
    output_label: 8,
  });
});

test("what a killed process left unfinished ends its segment, and nothing else", async () => {
  const whole = one("b");
  await convertSegment(await spool(SEGMENT, one("a"), whole.subarray(0, whole.length - 3)), root);
  expect(await reader().find("a")).toHaveLength(2);
  expect(await reader().find("b")).toEqual([]);
});

test("a conversion that was killed before it removed its segment is done again without a second row", async () => {
  const path = await spool(SEGMENT, one("a"), one("b"));
  const bytes = await readFile(path);
  await convertSegment(path, root);
  await writeFile(path, bytes as unknown as Uint8Array);
  const query = { service: "digits", limit: 100 };
  expect(await reader().newest(query)).toHaveLength(4);
  await convertSegment(path, root);
  expect(await reader().newest(query)).toHaveLength(4);
});

test("reads files and what is on the way to one, newest first", async () => {
  await convertSegment(await spool(SEGMENT, one("a"), one("b", { at: AT + 400 })), root);
  await spool(SEGMENT.replace(/1$/, "2"), one("c", { at: AT + 450 }), one("x", { service: "other" }));
  const ids = async (query: { since?: number; until?: number; limit: number }) =>
    (await reader().newest({ service: "digits", ...query })).map(({ request_id, row }) => request_id + row);
  expect(await ids({ limit: 10 })).toEqual(["c0", "c1", "b0", "b1", "a0", "a1"]);
  expect(await ids({ limit: 3 })).toEqual(["c0", "c1", "b0"]);
  expect(await ids({ limit: 10, since: AT + 1 })).toEqual(["c0", "c1", "b0", "b1"]);
  expect(await ids({ limit: 10, until: AT + 400 })).toEqual(["a0", "a1"]);
  expect(await reader().since()).toBe(AT);
  expect(await reader().find("c")).toHaveLength(2);
});

test.each<[string, Partial<LoggedHead>, Buffer, Buffer, Record<string, unknown>]>([
  [
    "raw tensors",
    { kind: FRAME_KIND.v2Binary, isBinary: true },
    encodeBinary(
      JSON.stringify({
        inputs: [
          { name: "x", shape: [1, 2], datatype: "FP64", parameters: { binary_data_size: 16 } },
          tensor("name", [1, 1], ["ana"], "BYTES"),
        ],
      }),
      [Buffer.from(new Float64Array([0.5, 1e300]).buffer)],
    ),
    encodeBinary(
      JSON.stringify({
        outputs: [{ name: "ok", shape: [1], datatype: "BOOL", parameters: { binary_data_size: 1 } }],
      }),
      [Buffer.from([1])],
    ),
    { input_x_0: 0.5, input_x_1: 1e300, input_name: "ana", output_ok: true },
  ],
  [
    "V1's rows",
    { kind: FRAME_KIND.v1 },
    json({ instances: [[1, 2]] }),
    json({ predictions: [{ label: "b", p: [0.25, 0.75] }] }),
    { input_0: 1, input_1: 2, output_label: "b", output_p_0: 0.25, output_p_1: 0.75 },
  ],
  [
    "a data frame",
    { kind: FRAME_KIND.invocations },
    joinBuffers([
      invocationPrefix("application/json"),
      json({ dataframe_split: { columns: ["age", "plan"], data: [[41, null]] } }),
    ]),
    json({ predictions: [0.5] }),
    { input_age: 41, input_plan: null, output: 0.5 },
  ],
  [
    "CSV",
    { kind: FRAME_KIND.invocations },
    joinBuffers([invocationPrefix("text/csv; charset=utf-8"), Buffer.from("age,plan\n41,b\n")]),
    json({ predictions: { y: [0.5] } }),
    { input_age: 41, input_plan: "b", output_y: 0.5 },
  ],
  [
    "what is no table",
    {},
    json({ inputs: [tensor("x", [1, 1, 2], [1, 2])] }),
    ONE_ANSWER,
    { inputs: '{"x":[[[1,2]]]}', outputs: '{"label":[7,8]}' },
  ],
  [
    "outputs of another number of rows",
    {},
    json({ inputs: [tensor("x", [1], [1])] }),
    ONE_ANSWER,
    { input_x: 1, outputs: '{"label":[7,8]}' },
  ],
  [
    "a failure",
    { status: 400 },
    Buffer.from("{nonsense"),
    json({ error: "no" }),
    { inputs: "{nonsense", error: "no" },
  ],
  ["an answer that can't be read", {}, ONE, Buffer.from("{"), { omitted: "unreadable" }],
  ["values that are off", { omitted: "off" }, Buffer.alloc(0), Buffer.alloc(0), { omitted: "off" }],
  [
    "two columns of one name",
    {},
    json({ inputs: [tensor("x", [1, 2], [1, 2]), tensor("x_1", [1], [3])] }),
    ONE_ANSWER,
    { inputs: '{"x":[[1,2]],"x_1":[3]}', outputs: '{"label":[7,8]}' },
  ],
])("keeps %s", async (_what, more, request, answer, values) => {
  await convertSegment(await spool(SEGMENT, encodeLogged(head("a", more), request, answer)), root);
  const [row] = await reader().find("a", { service: "digits", at: AT });
  expect(row).toMatchObject(values);
});

test("columns of a file agree: numbers are DOUBLE, several types are text, and what a request lacks is null", async () => {
  const request = (value: unknown) => json({ instances: [{ a: value }] });
  const answer = json({ predictions: [1] });
  const kind = FRAME_KIND.v1;
  await convertSegment(
    await spool(
      SEGMENT,
      encodeLogged(head("a", { kind }), request(1), answer),
      encodeLogged(head("b", { kind }), request("x"), answer),
      encodeLogged(head("c", { kind }), json({ instances: [{ b: true }] }), answer),
    ),
    root,
  );
  const rows = await reader().newest({ service: "digits", limit: 10 });
  expect(rows.map((row) => [row["input_a"], row["input_b"], row["output"]])).toEqual([
    ["1", null, 1],
    ["x", null, 1],
    [null, true, 1],
  ]);
});

test("old files go, then those beyond a service's room, then the oldest of all", () => {
  const file = (to: number, bytes = 10) => ({
    name: `${to}`,
    date: "",
    segment: "",
    from: to - 1,
    to,
    bytes,
  });
  const services = [
    { folder: "a", files: [file(1), file(50), file(60), file(70)], log: { keep: 60, maxSize: 25 } },
    { folder: "b", files: [file(55, 30)], log: undefined },
  ];
  const gone = (total: number) =>
    overdue(services, 100, total).map(({ folder, file: { to } }) => folder + to);
  expect(gone(1_000)).toEqual(["a50", "a1"]);
  expect(gone(45)).toEqual(["a50", "a1", "b55"]);
});

test("a segment that can't be converted is set aside; on a full disk it waits", async () => {
  const failures: ConvertFailure[] = [];
  const defects: string[] = [];
  const calls: string[][] = [];
  const logDefect = (error: unknown): void => void defects.push(String(error));
  const writer = createPredictionLogWriter({
    clock: { now: () => AT, sleep: () => Promise.resolve() },
    store: folderLogStore(root),
    intake: folderIntake({
      root,
      spoolDir,
      logDefect,
      async convert(segments) {
        calls.push(segments);
        return { converted: [], failures: failures.splice(0) };
      },
    }),
    roll: () => Promise.resolve(),
    services: () => Promise.resolve([]),
    logDefect,
  });
  const path = await spool(SEGMENT, one("a"));
  failures.push({ segment: path, code: "ENOSPC", message: "full" });
  await writer.writeNow();
  expect(await readdir(spoolDir)).toEqual([`${SEGMENT}.spool`]);
  failures.push({ segment: path, code: "", message: "odd" });
  await writer.writeNow();
  expect(await readdir(spoolDir)).toEqual(["failed.segment"]);
  expect(calls).toEqual([[path], [path]]);
  expect(defects).toHaveLength(2);
});

test("files are found by their own names only", async () => {
  await convertSegment(await spool(SEGMENT, one("a")), root);
  await writeFile(join(root, "digits", "2026-11-21", "secret.parquet"), "x");
  const [file] = await reader().files("digits");
  expect(await reader().files("digits")).toHaveLength(1);
  expect(await reader().path("digits", file?.name ?? "")).toBe(join(root, "digits", file?.name ?? ""));
  for (const name of ["2026-11-21/secret.parquet", `../digits/${file?.name}`, "2026-11-21/..", ""])
    expect(await reader().path("digits", name)).toBeUndefined();
  expect(await reader().path("..", file?.name ?? "")).toBeUndefined();
});

test("removes what is due, and the folder of a day that has nothing left", async () => {
  await convertSegment(await spool(SEGMENT, one("a"), one("b", { at: AT + 1_000 })), root);
  const stopping = new AbortController();
  const writer = createPredictionLogWriter({
    clock: {
      now: () => AT + 1_000 + 3_600_000,
      sleep: () => {
        stopping.abort();
        return Promise.resolve();
      },
    },
    store: folderLogStore(root),
    intake: folderIntake({
      root,
      spoolDir,
      logDefect: (error) => expect(error).toBeUndefined(),
      convert: () => Promise.resolve({ converted: [], failures: [] }),
    }),
    roll: () => Promise.resolve(),
    services: () => Promise.resolve([{ name: "digits", log: { keep: 3_600_000 } }]),
    logDefect: (error) => expect(error).toBeUndefined(),
  });
  await writer.run(stopping.signal);
  expect(await readdir(join(root, "digits"))).toEqual(["2026-11-22"]);
  expect(await reader().since()).toBe(AT + 1_000);
});
