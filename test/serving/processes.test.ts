import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linearSoftmax, lookUp, sequenceOutput } from "../support/onnx.ts";
import { eventually, ruleFor, startServingPlatform, variantFor } from "../support/serving-platform.ts";
import type { ServingPlatform } from "../support/serving-platform.ts";

const NEVER = new AbortController().signal;
const ROW = { inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] };

let platform: ServingPlatform;

beforeAll(async () => {
  platform = await startServingPlatform();
});

afterAll(async () => {
  await platform.close();
});

async function infer(
  service: string,
  body: unknown = ROW,
  headers: Record<string, string> = {},
  path = "",
): Promise<Response> {
  return fetch(`${platform.url}/v2/models/${service}${path}/infer`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers,
  });
}

async function serve(service: string, versions: number[], workers = 1): Promise<void> {
  const modelDir = await platform.model(linearSoftmax());
  for (const version of versions)
    await platform.backend.prepare(variantFor(service, version, modelDir, workers), NEVER);
}

/** Sends requests from several clients until told to stop; answers how many there were, and the ones that failed. */
function load(service: string, clients = 8): { stop(): Promise<{ sent: number; failures: string[] }> } {
  const state = { on: true };
  let sent = 0;
  const failures: string[] = [];
  const client = async () => {
    while (state.on) {
      sent += 1;
      try {
        const response = await infer(service);
        const text = await response.text();
        if (response.status !== 200) failures.push(`${response.status} ${text}`);
      } catch (error) {
        failures.push(String((error as Error).cause ?? error));
      }
    }
  };
  const all = Promise.all(Array.from({ length: clients }, client));
  return {
    async stop() {
      state.on = false;
      await all;
      return { sent, failures };
    },
  };
}

/** What comes back for these bytes, until the connection is closed. */
async function raw(request: string): Promise<string> {
  const socket = connect(platform.port, "127.0.0.1");
  let answer = "";
  socket.setEncoding("latin1").on("data", (text: string) => (answer += text));
  socket.write(request);
  await once(socket, "close");
  return answer;
}

async function counters(service: string) {
  const { counters: all } = await platform.backend.outcomes();
  return all.filter((counter) => counter.service === service);
}

describe("the way of a prediction", () => {
  beforeAll(async () => {
    await serve("digits", [1, 2]);
    await platform.backend.route(ruleFor("digits"));
  });

  it("answers V2 with its request id and variant", async () => {
    const response = await infer("digits", ROW, { "x-slipway-request-id": "mine.1" });
    const body = (await response.json()) as {
      model_name: string;
      model_version: string;
      outputs: { name: string }[];
    };
    expect(response.status).toBe(200);
    expect(body.model_name).toBe("digits");
    expect(body.model_version).toBe("1");
    expect(body.outputs.map((output) => output.name)).toEqual(["label", "probabilities"]);
    expect(response.headers.get("x-slipway-request-id")).toBe("mine.1");
    expect(response.headers.get("x-slipway-variant")).toBe("1");
  });

  it("answers V1 with predictions", async () => {
    const response = await fetch(`${platform.url}/v1/models/digits:predict`, {
      method: "POST",
      body: JSON.stringify({ instances: [[1, 2, 3, 4]] }),
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toHaveProperty("predictions");
  });

  it("makes a request id where the caller's isn't one", async () => {
    const response = await infer("digits", ROW, { "x-slipway-request-id": "no blanks allowed" });
    expect(response.headers.get("x-slipway-request-id")).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
  });

  it("serves metadata, readiness and health", async () => {
    const get = async (path: string) => fetch(`${platform.url}${path}`);
    expect((await get("/v2")).status).toBe(200);
    expect((await get("/v2/health/live")).status).toBe(200);
    expect((await get("/v2/health/ready")).status).toBe(200);
    const ready = await get("/ready");
    expect([ready.status, await ready.json()]).toMatchObject([200, { ready: true, notReady: 0 }]);
    expect((await get("/ready/nobody")).status).toBe(404);
    expect((await get("/v2/models/digits/ready")).status).toBe(200);
    expect((await get("/v2/models/nobody/ready")).status).toBe(404);
    expect((await get("/v1/models/digits")).status).toBe(200);
    const metadata = (await (await get("/v2/models/digits")).json()) as {
      inputs: unknown[];
      versions: string[];
    };
    expect(metadata.inputs).toEqual([{ name: "x", datatype: "FP32", shape: [-1, 4] }]);
    expect(metadata.versions).toEqual(["1", "2"]);
  });

  it("refuses unknown models, bodies too large and bad input in the protocol's shape", async () => {
    for (const [response, status] of [
      [await infer("nobody"), 404],
      [await infer("digits", "x".repeat(200_000)), 413],
      [await infer("digits", "{"), 400],
      [await infer("digits", { inputs: [{ ...ROW.inputs[0], shape: [1, 3], data: [1, 2, 3] }] }), 400],
    ] as const) {
      expect(response.status).toBe(status);
      expect(typeof ((await response.json()) as { error: unknown }).error).toBe("string");
    }
  });

  it("sends a version in the path straight there, outside every test", async () => {
    const before = await counters("digits");
    const response = await infer("digits", ROW, { "x-slipway-request-id": "direct.1" }, "/versions/2");
    expect(response.headers.get("x-slipway-variant")).toBe("2");
    expect(await counters("digits")).toEqual(before);
    const record = await eventually("the record", async () =>
      (await platform.backend.predictions("", 10_000, ["digits"])).records.find(
        (own) => own.requestId === "direct.1",
      ),
    );
    expect(record).toMatchObject({ version: 2, direct: true, status: 200 });
    expect(record.prediction).toHaveLength(1);
  });

  it("hands everything else to control, also on a connection that began with predictions", async () => {
    const response = await fetch(`${platform.url}/api/slipway/v1/info`);
    expect(await response.json()).toMatchObject({
      control: platform.pid("control"),
      url: "/api/slipway/v1/info",
    });
    const echoed = await fetch(`${platform.url}/git/x`, { method: "POST", body: "abc".repeat(100_000) });
    expect(await echoed.text()).toHaveLength(300_000);
  });

  it.each(["/v2/models/digits/infer", "/health/live"])("refuses two Host headers to %s", async (path) => {
    const answer = await raw(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 400 [^]*HTTP_MALFORMED/);
  });

  it("answers HEAD of health like GET, without a body", async () => {
    const answer = await raw("HEAD /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*content-length: 13\r\n[^]*\r\n\r\n$/i);
  });

  it("refuses foreign hosts and origins", async () => {
    const foreign = await infer("digits", ROW, { origin: "http://evil.example" });
    expect(foreign.status).toBe(403);
  });

  it("refuses a rule of an older commit, and keeps the newer", async () => {
    await platform.backend.route(ruleFor("digits", { commit: "c5", order: 5 }));
    await expect(platform.backend.route(ruleFor("digits", { commit: "c4", order: 4 }))).rejects.toMatchObject(
      {
        code: "RULE_OUTDATED",
      },
    );
    expect((await platform.backend.state()).rules.find((rule) => rule.service === "digits")?.commit).toBe(
      "c5",
    );
  });

  it("won't remove a version that traffic goes to", async () => {
    await expect(platform.backend.remove({ service: "digits", version: 1 })).rejects.toMatchObject({
      code: "VARIANT_IN_USE",
    });
  });

  it("says why a version can't be prepared", async () => {
    const modelDir = await platform.model(sequenceOutput());
    await expect(platform.backend.prepare(variantFor("zip", 1, modelDir), NEVER)).rejects.toMatchObject({
      code: "VARIANT_NOT_READY",
    });
    expect((await platform.backend.state()).variants.some((variant) => variant.service === "zip")).toBe(
      false,
    );
  });

  it("probes a prepared variant and counts nothing", async () => {
    const before = await counters("digits");
    const answer = await platform.backend.probe(
      { service: "digits", version: 2 },
      JSON.stringify(ROW),
      NEVER,
    );
    expect(answer.status).toBe(200);
    expect(await counters("digits")).toEqual(before);
  });
});

describe("a trial", () => {
  it("splits at random by share, counts both arms, and stops at once", async () => {
    await serve("split", [1, 2]);
    await platform.backend.route(ruleFor("split", { challenger: 2, share: 0.3 }));
    const total = 600;
    let challenger = 0;
    for (let sent = 0; sent < total; sent += 20) {
      const responses = await Promise.all(Array.from({ length: 20 }, () => infer("split")));
      challenger += responses.filter((response) => response.headers.get("x-slipway-variant") === "2").length;
    }
    // Five standard deviations of a binomial: it fails once in two million times.
    const band = 5 * Math.sqrt(total * 0.3 * 0.7);
    expect(Math.abs(challenger - total * 0.3)).toBeLessThan(band);
    const cells = await counters("split");
    expect(cells.map(({ arm, share, epoch }) => ({ arm, share, epoch }))).toEqual(
      expect.arrayContaining([
        { arm: "champion", share: 0.3, epoch: "c1" },
        { arm: "challenger", share: 0.3, epoch: "c1" },
      ]),
    );
    expect(cells.reduce((sum, cell) => sum + cell.finished, 0)).toBe(total);
    await platform.backend.stopChallenger("split", 2);
    const after = await Promise.all(Array.from({ length: 40 }, () => infer("split")));
    expect(new Set(after.map((response) => response.headers.get("x-slipway-variant")))).toEqual(
      new Set(["1"]),
    );
    expect((await counters("split")).some((cell) => cell.epoch === "c1!" && cell.share === 0)).toBe(true);
    // Said again, the same commit doesn't lift the stop; a newer one does.
    await platform.backend.route(ruleFor("split", { challenger: 2, share: 1 }));
    expect((await infer("split")).headers.get("x-slipway-variant")).toBe("1");
    await platform.backend.route(ruleFor("split", { challenger: 2, share: 1, commit: "c2", order: 2 }));
    expect((await infer("split")).headers.get("x-slipway-variant")).toBe("2");
  });

  it("keeps a caller on one variant where the rule is sticky", async () => {
    await serve("sticky", [1, 2]);
    await platform.backend.route(
      ruleFor("sticky", { challenger: 2, share: 0.5, sticky: { header: "X-User" } }),
    );
    const variantsOf = async (user: string) => {
      const all = await Promise.all(
        Array.from({ length: 5 }, () => infer("sticky", ROW, { "x-user": user })),
      );
      return new Set(all.map((response) => response.headers.get("x-slipway-variant")));
    };
    const seen = await Promise.all(Array.from({ length: 20 }, (_, user) => variantsOf(`user-${user}`)));
    expect(seen.every((variants) => variants.size === 1)).toBe(true);
    expect(new Set(seen.flatMap((variants) => [...variants])).size).toBe(2);
    // What was drawn is the caller: 20 units for the test, and 80 requests that are counted apart.
    const cells = await counters("sticky");
    const started = (isRepeat: boolean) =>
      cells
        .filter(({ epoch }) => epoch.endsWith("~") === isRepeat)
        .reduce((sum, cell) => sum + cell.started, 0);
    expect([started(false), started(true)]).toEqual([20, 80]);
  });

  it("counts what the model can't answer as failed, in its arm", async () => {
    const modelDir = await platform.model(lookUp());
    await platform.backend.prepare(variantFor("table", 1, modelDir), NEVER);
    await platform.backend.route(ruleFor("table"));
    const at = (index: number) => ({
      inputs: [{ name: "index", datatype: "INT64", shape: [1], data: [index] }],
    });
    const responses = await Promise.all([3, 99, 4, 98, 5].map((index) => infer("table", at(index))));
    expect(responses.map((response) => response.status)).toEqual([200, 500, 200, 500, 200]);
    expect(await counters("table")).toMatchObject([{ started: 5, finished: 5, failed: 2, aborted: 0 }]);
  });
});

describe("death", () => {
  it.each(["SIGKILL", "SIGSEGV"] as const)(
    "of a worker by %s under load costs no request",
    async (signal) => {
      const service = `dies-${signal.toLowerCase()}`;
      await serve(service, [1], 2);
      await platform.backend.route(ruleFor(service));
      const running = load(service);
      for (let deaths = 0; deaths < 3; deaths++) {
        const workers = await eventually("both workers", async () => {
          const { variants } = await platform.backend.state();
          const own = variants.find((variant) => variant.service === service)?.workers ?? [];
          return own.every((worker) => worker.state === "ready") && own;
        });
        const pid = workers[deaths % 2]?.pid;
        if (pid === undefined) throw new Error("no pid");
        process.kill(pid, signal);
        await eventually("its end", async () => !platform.children().some((child) => child.pid === pid));
      }
      const { sent, failures } = await running.stop();
      expect(failures).toEqual([]);
      expect(sent).toBeGreaterThan(50);
      const { variants } = await platform.backend.state();
      const own = variants.find((variant) => variant.service === service)?.workers ?? [];
      expect(own.some((worker) => worker.lastExit === `signal ${signal}`)).toBe(true);
    },
  );

  it("of the only worker costs no request either: they wait for the next one", async () => {
    await serve("lonely", [1]);
    await platform.backend.route(ruleFor("lonely"));
    const running = load("lonely", 4);
    const before = await workerPid("lonely");
    process.kill(before, "SIGKILL");
    await eventually(
      "another worker",
      async () => (await workerPid("lonely").catch(() => before)) !== before,
    );
    expect((await running.stop()).failures).toEqual([]);
  });

  it("of serve by SIGKILL: back at once, same weights, same workers, no connection refused", async () => {
    await serve("stays", [1, 2]);
    await platform.backend.route(ruleFor("stays", { challenger: 2, share: 1, commit: "c9", order: 9 }));
    const worker = await workerPid("stays");
    const serveBefore = platform.pid("serve");
    process.kill(serveBefore, "SIGKILL");
    const response = await infer("stays").catch(() => infer("stays"));
    expect(response.status).toBe(200);
    expect(response.headers.get("x-slipway-variant")).toBe("2");
    expect(platform.pid("serve")).not.toBe(serveBefore);
    expect(await workerPid("stays")).toBe(worker);
    await expect(platform.backend.route(ruleFor("stays", { commit: "c8", order: 8 }))).rejects.toMatchObject({
      code: "RULE_OUTDATED",
    });
  });

  it("of control leaves predictions alone, and control comes back", async () => {
    const before = platform.pid("control");
    process.kill(before, "SIGKILL");
    expect((await infer("stays")).status).toBe(200);
    await eventually("control", async () => {
      const response = await fetch(`${platform.url}/anything`).catch(() => undefined);
      return response?.status === 200;
    });
    expect(platform.pid("control")).not.toBe(before);
  });

  it("or sleep: a stopped control doesn't stall predictions", async () => {
    const control = platform.pid("control");
    process.kill(control, "SIGSTOP");
    try {
      const stalled = Array.from({ length: 20 }, () =>
        fetch(`${platform.url}/stalled`).then(
          (response) => response.status,
          () => 0,
        ),
      );
      for (let sent = 0; sent < 50; sent++) expect((await infer("stays")).status).toBe(200);
      process.kill(control, "SIGCONT");
      expect(await Promise.all(stalled)).toEqual(stalled.map(() => 200));
    } finally {
      process.kill(control, "SIGCONT");
    }
  });
});

async function workerPid(service: string): Promise<number> {
  const { variants } = await platform.backend.state();
  const pid = variants.find((variant) => variant.service === service)?.workers[0]?.pid;
  if (pid === undefined) throw new Error("it has no worker now");
  return pid;
}
