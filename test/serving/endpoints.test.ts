// Models in pods: frames over TCP with a token, and a variant whose pods come and go.
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { bytesOf } from "../../src/base/bytes.ts";
import { systemClock } from "../../src/base/clock.ts";
import { digestOf } from "../../src/http/credentials.ts";
import { FRAME_KIND, decodeAnswer, requestFrame } from "../../src/serving/frames.ts";
import { Placement } from "../../src/serving/router/placement.ts";
import type { PoolAnswer } from "../../src/serving/router/ticket.ts";
import type { VariantPool } from "../../src/serving/router/variant-pool.ts";
import { Variants } from "../../src/serving/router/variants.ts";
import { WorkerConnection } from "../../src/serving/router/worker-connection.ts";
import { linearSoftmax } from "../support/onnx.ts";
import { eventually, variantFor } from "../support/serving-platform.ts";
import { startTestWorker, v2 } from "../support/worker-process.ts";
import type { TestWorker } from "../support/worker-process.ts";

const TOKEN = "slipway_worker.default.secret";
const HOST = "127.0.0.1";
const BODY = Buffer.from(JSON.stringify(v2("x", "FP32", [1, 4], [1, 0, 0, 0])));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

interface Pod {
  worker: TestWorker;
  port: number;
  endpoint: string;
}

async function startPod(port?: number): Promise<Pod> {
  const own = port ?? (await freePort());
  const worker = await startTestWorker(
    { "model.onnx": linearSoftmax() },
    { port: { host: HOST, port: own, tokenSha256: digestOf(TOKEN) }, maxFrameBytes: 100_000 },
  );
  expect(worker.said).toMatchObject({ type: "ready" });
  return { worker, port: own, endpoint: `${HOST}:${own}` };
}

const pods: Pod[] = [];
const made: Variants[] = [];
beforeAll(async () => {
  pods.push(...(await Promise.all([startPod(), startPod()])));
});
afterEach(() => {
  for (const variants of made.splice(0)) variants.detach();
});
afterAll(() => Promise.all(pods.map(({ worker }) => worker.remove())));

/** What the peer does with these bytes: it answers some, or closes the connection. */
async function say(port: number, ...frames: Buffer[]): Promise<number | "closed"> {
  const socket = connect({ host: HOST, port });
  socket.on("error", () => socket.destroy());
  const answered = once(socket, "data").then(([chunk]) => decodeAnswer((chunk as Buffer).subarray(4)).status);
  const closed = once(socket, "close").then(() => "closed" as const);
  for (const frame of frames) socket.write(bytesOf(frame));
  const what = await Promise.race([answered, closed]);
  socket.destroy();
  return what;
}

const frame = (kind: number, text: string) => requestFrame(1, kind as never, Buffer.from(text));

describe("a worker on a port", () => {
  it("answers nobody who hasn't shown its token first", async () => {
    const { port } = pods[0] as Pod;
    const hello = frame(FRAME_KIND.metadata, "");
    expect(await say(port, frame(FRAME_KIND.token, TOKEN), hello)).toBe(200);
    expect(await say(port, hello)).toBe("closed");
    expect(await say(port, frame(FRAME_KIND.token, `${TOKEN}x`), hello)).toBe("closed");
    expect(await say(port, frame(FRAME_KIND.token, "x".repeat(600)), hello)).toBe("closed");
  });

  it("is connected to with its token", async () => {
    const { port } = pods[0] as Pod;
    const open = (token: string) =>
      WorkerConnection.open({ host: HOST, port, token }, systemClock, { closed: () => undefined });
    await expect(open("wrong")).rejects.toThrow("closed the connection");
    const connection = await open(TOKEN);
    expect(connection.metadata).toMatchObject({ service: "digits", version: 3 });
    connection.close();
  });
});

function poolOf(endpoints: readonly string[]): { pool: VariantPool; variants: Variants } {
  const variants = new Variants({
    runDir: "/nowhere",
    host: { living: [], spawn: () => undefined, end: () => undefined, listen: () => undefined },
    clock: systemClock,
    placement: new Placement(
      () => "p",
      () => 0,
    ),
    newWorkerId: () => "w",
    modelBytes: () => 1,
    addressOf: (endpoint) => ({ host: HOST, port: Number(endpoint.split(":")[1]), token: TOKEN }),
  });
  made.push(variants);
  return { variants, pool: variants.prepare({ ...spec, endpoints }).pool };
}

const spec = variantFor("digits", 3, "/model");
const ask = (pool: VariantPool): Promise<PoolAnswer> =>
  new Promise((resolve) => pool.request(FRAME_KIND.v2, BODY, 5_000, resolve));
const statusOf = (answer: PoolAnswer) => (answer === "lost" ? answer : answer.status);
const within = () => AbortSignal.timeout(5_000);

describe("a variant in pods", () => {
  it("needs to be told where they are", () => {
    const { variants } = poolOf([]);
    expect(() => variants.prepare(variantFor("other", 1, "/model"))).toThrow(
      expect.objectContaining({ code: "VARIANT_NOT_READY" }) as Error,
    );
  });

  it("is ready when each is connected to, and spreads requests over them", async () => {
    const { pool } = poolOf(pods.map(({ endpoint }) => endpoint));
    await pool.ready(within());
    expect(pool.state().workers).toEqual(
      pods.map(({ endpoint }) => ({ state: "ready", restarts: 0, endpoint })),
    );
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(pool)));
    expect(answers.map(statusOf)).toEqual(answers.map(() => 200));
  });

  it("waits for the first pod", async () => {
    const { pool, variants } = poolOf([]);
    await pool.ready(within());
    const answer = ask(pool);
    variants.prepare({ ...spec, endpoints: [(pods[0] as Pod).endpoint] });
    expect(statusOf(await answer)).toBe(200);
  });

  it("loses no request with a pod, and finds it again where it comes back", async () => {
    const doomed = await startPod();
    const { pool } = poolOf([(pods[0] as Pod).endpoint, doomed.endpoint]);
    await pool.ready(within());
    let answered = 0;
    const over = new AbortController();
    const statuses = new Set<unknown>();
    const callers = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) {
        statuses.add(statusOf(await ask(pool)));
        answered += 1;
      }
    });
    await eventually("requests", () => answered > 100);
    await doomed.worker.remove();
    await eventually("it is missed", () => pool.state().workers.some(({ restarts }) => restarts === 1));
    const before = answered;
    await eventually("more requests", () => answered > before + 100);
    const again = await startPod(doomed.port);
    await pool.ready(within());
    over.abort();
    await Promise.all(callers);
    expect([...statuses]).toEqual([200]);
    expect(Object.fromEntries(pool.ends)).toEqual({ exit: 1 });
    await again.worker.remove();
  });

  it("lets go of one that it is told of no more", async () => {
    const { pool, variants } = poolOf(pods.map(({ endpoint }) => endpoint));
    await pool.ready(within());
    const [first] = pods as [Pod];
    variants.prepare({ ...spec, endpoints: [first.endpoint] });
    expect(pool.state().workers).toEqual([{ state: "ready", restarts: 0, endpoint: first.endpoint }]);
    expect(statusOf(await ask(pool))).toBe(200);
    expect(pool.spec.endpoints).toEqual([first.endpoint]);
  });
});
