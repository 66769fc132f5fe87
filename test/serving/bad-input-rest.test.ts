import { request as send } from "node:http";
import { connect } from "node:net";
import type { OutgoingHttpHeaders } from "node:http";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echo, linearSoftmax } from "../support/onnx.ts";
import { ruleFor, startServingPlatform, variantFor } from "../support/serving-platform.ts";
import type { ServingPlatform } from "../support/serving-platform.ts";

const NEVER = new AbortController().signal;
const GOOD = { inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] };
/** Refusals that name what is wrong; 500 is the model's own failure, which none of these may be. */
const REFUSED = new Set([400, 404, 405, 413, 415, 501]);

let platform: ServingPlatform;
let workers: number[];

const workerPids = async () => {
  const { variants } = await platform.backend.state();
  return variants.flatMap((variant) => variant.workers.flatMap(({ pid }) => pid ?? [])).sort((a, b) => a - b);
};

beforeAll(async () => {
  platform = await startServingPlatform();
  for (const [name, file] of [
    ["digits", linearSoftmax()],
    ["text", echo("BYTES")],
  ] as const) {
    await platform.backend.prepare(variantFor(name, 1, await platform.model(file)), NEVER);
    await platform.backend.route(ruleFor(name));
  }
  workers = await workerPids();
}, 60_000);

afterAll(() => platform?.close());

interface Answered {
  status: number;
  body: string;
}

/** By node:http, which sends header values as they are. */
function post(path: string, body: Buffer | string, headers: OutgoingHttpHeaders = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = send(platform.url + path, { method: "POST", headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks as unknown as Uint8Array[]).toString("utf8"),
        }),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Answered well, or refused in the shape of the path's protocol. */
function mustBeProtocol(path: string, { status, body }: Answered): void {
  if (status === 200) return;
  expect([...REFUSED]).toContain(status);
  const error = JSON.parse(body) as Record<string, unknown>;
  if (path.endsWith("/invocations")) {
    expect(Object.keys(error)).toEqual(["error_code", "message"]);
    expect(typeof error["message"]).toBe("string");
  } else {
    expect(Object.keys(error)).toEqual(["error"]);
    expect(typeof error["error"]).toBe("string");
  }
  expect(body.length).toBeLessThan(1_000);
}

const scalar = fc.oneof(
  fc.constantFrom<unknown>(-1, 0, 1.5, 4, 2 ** 53, 1e300, "NaN", "x", "FP32", "BYTES", "", null, true),
  fc.string({ maxLength: 5 }),
);
const anything = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 5 }),
  fc.array(fc.array(scalar, { maxLength: 4 }), { maxLength: 3 }),
  fc.dictionary(fc.constantFrom("name", "data", "columns", "x", "binary_data_size", "__proto__"), scalar, {
    maxKeys: 3,
  }),
);
/** A request that is nearly right: some of its keys hold anything. */
const nearly = fc
  .record({
    input: fc.record(
      {
        name: fc.oneof(fc.constant("x"), anything),
        datatype: fc.oneof(fc.constantFrom("FP32", "BYTES"), anything),
        shape: fc.oneof(fc.constantFrom([1, 4], [2]), anything),
        data: fc.oneof(fc.constantFrom([1, 2, 3, 4], ["a", "b"]), anything),
        parameters: fc.oneof(fc.record({ binary_data_size: fc.oneof(fc.nat(40), scalar) }), anything),
      },
      { requiredKeys: ["name", "datatype", "shape"] },
    ),
    outputs: anything,
    parameters: fc.oneof(fc.record({ binary_data_output: scalar }), anything),
    id: scalar,
    instances: anything,
    dataframe_split: fc.oneof(fc.record({ columns: anything, data: anything }), anything),
    dataframe_records: anything,
  })
  .chain((all) =>
    fc.subarray(Object.keys(all).filter((key) => key !== "input")).map((keys) => {
      const picked = Object.fromEntries(Object.entries(all).filter(([key]) => keys.includes(key)));
      return { ...picked, inputs: [all.input] };
    }),
  );
const path = fc.constantFrom(
  "/v2/models/digits/infer",
  "/v2/models/text/infer",
  "/v1/models/digits:predict",
  "/endpoints/digits/invocations",
  "/endpoints/text/invocations",
);

describe("bad input over REST", () => {
  it("is answered in the protocol's shape, whatever it is", async () => {
    const raw = fc.uint8Array({ maxLength: 40 });
    const header = fc.option(
      fc.oneof(fc.constant("exact"), fc.constantFrom("0", "99999", "1e3", "-1", "9".repeat(30))),
    );
    await fc.assert(
      fc.asyncProperty(path, fc.oneof(nearly, anything), raw, header, async (to, value, bytes, length) => {
        const json = Buffer.from(JSON.stringify(value) ?? "");
        const body = Buffer.concat([json, Buffer.from(bytes)] as unknown as Uint8Array[]);
        const jsonBytes = length === "exact" ? String(json.length) : length;
        const headers = jsonBytes === null ? {} : { "inference-header-content-length": jsonBytes };
        mustBeProtocol(to, await post(to, jsonBytes === null ? json : body, headers));
      }),
      { numRuns: 400 },
    );
  }, 30_000);

  it("is answered in the protocol's shape, whatever bytes and media type it is", async () => {
    const media = fc.constantFrom(
      "text/csv",
      "application/json",
      "text/csv; charset=latin1",
      "a/b",
      ";",
      "x".repeat(400),
    );
    await fc.assert(
      fc.asyncProperty(path, fc.uint8Array({ maxLength: 60 }), media, async (to, bytes, type) => {
        mustBeProtocol(to, await post(to, Buffer.from(bytes), { "content-type": type }));
      }),
      { numRuns: 150 },
    );
  }, 30_000);

  it("is refused before it is read, when it says that it is a gigabyte", async () => {
    const answered = await new Promise<Answered>((resolve, reject) => {
      const request = send(
        `${platform.url}/v2/models/digits/infer`,
        { method: "POST", headers: { "content-length": 1_000_000_000 } },
        (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (text: string) => (body += text));
          response.on("end", () => {
            request.destroy();
            resolve({ status: response.statusCode ?? 0, body });
          });
        },
      );
      request.on("error", reject);
      request.write("{");
    });
    expect(answered.status).toBe(413);
    mustBeProtocol("", answered);
  });

  it("is given up when it goes on for a gigabyte without saying so", async () => {
    const before = (await platform.backend.figures()).process.residentBytes;
    const { port } = platform;
    const socket = connect(port, "127.0.0.1");
    let answered = "";
    socket.setEncoding("latin1").on("data", (text) => (answered += String(text)));
    socket.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.write(
      `POST /v2/models/digits/infer HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    const chunk = Buffer.concat([
      Buffer.from("100000\r\n"),
      Buffer.alloc(0x100000, "a"),
      Buffer.from("\r\n"),
    ] as unknown as Uint8Array[]);
    let sent = 0;
    while (sent < 1024 && !socket.destroyed) {
      if (!socket.write(chunk as unknown as Uint8Array))
        await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
      sent += 1;
    }
    await closed;
    expect(answered).toMatch(/^HTTP\/1\.1 413 /);
    expect(sent).toBeLessThan(200);
    const { residentBytes } = (await platform.backend.figures()).process;
    expect(residentBytes - before).toBeLessThan(64 * 1024 * 1024);
  });

  it.each([
    ["content-encoding", "gzip", 415],
    ["grpc-timeout", "soon", 400],
    ["inference-header-content-length", "", 400],
  ])("is refused: %s: %s", async (name, value, status) => {
    const answered = await post("/v2/models/digits/infer", JSON.stringify(GOOD), { [name]: value });
    expect(answered.status).toBe(status);
    mustBeProtocol("", answered);
  });

  it("of a caller who doesn't wait is answered at its deadline, not at the service's", async () => {
    const answered = await post("/v2/models/digits/infer", JSON.stringify(GOOD), { "grpc-timeout": "1n" });
    expect([200, 504]).toContain(answered.status);
  });

  it("names the services where the path names none", async () => {
    const answered = await post("/invocations", "{}");
    expect(answered.status).toBe(404);
    expect(answered.body).toContain("POST /endpoints/MODEL/invocations");
    mustBeProtocol("/invocations", answered);
  });

  it("ended no worker", async () => {
    expect(await workerPids()).toEqual(workers);
    expect((await post("/v2/models/digits/infer", JSON.stringify(GOOD))).status).toBe(200);
  });
});
