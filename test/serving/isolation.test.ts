import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TrafficRule, VariantSpec, VariantState } from "../../src/serving/backend.ts";
import { linearSoftmax, spinning } from "../support/onnx.ts";
import { eventually, ruleFor, startServingPlatform, variantFor } from "../support/serving-platform.ts";
import type { ServingPlatform } from "../support/serving-platform.ts";

const NEVER = new AbortController().signal;
const ROW = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] });
const SPIN = JSON.stringify({
  inputs: [{ name: "size", datatype: "INT64", shape: [2], data: [2_000, 2_000] }],
});

let platform: ServingPlatform;
let modelDir: string;

beforeAll(async () => {
  platform = await startServingPlatform();
  modelDir = await platform.model(linearSoftmax());
});

afterAll(async () => {
  await platform.close();
});

async function serve(
  service: string,
  more: Partial<VariantSpec> = {},
  rule: Partial<TrafficRule> = {},
): Promise<void> {
  await platform.backend.prepare({ ...variantFor(service, 1, modelDir), ...more }, NEVER);
  // Longer than a machine that others keep busy takes to start a worker.
  await platform.backend.route(ruleFor(service, { timeoutMs: 15_000, ...rule }));
}

async function remove(...services: string[]): Promise<void> {
  for (const service of services) {
    await platform.backend.unroute(service, 9);
    const { variants } = await platform.backend.state();
    for (const variant of variants.filter((own) => own.service === service))
      await platform.backend.remove(variant);
  }
}

const infer = (service: string, body = ROW) =>
  fetch(`${platform.url}/v2/models/${service}/infer`, { method: "POST", body });

/** One client per service, until told to stop; answers what failed. */
function load(services: readonly string[]): { stop(): Promise<string[]> } {
  const state = { on: true };
  const failures: string[] = [];
  const client = async (service: string) => {
    while (state.on) {
      const response = await infer(service).catch((error: unknown) => String(error));
      if (typeof response === "string") failures.push(`${service}: ${response}`);
      else if (response.status !== 200) failures.push(`${service}: ${await response.text()}`);
      else await response.arrayBuffer();
      // Little enough that they go on to share a process.
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  };
  const all = Promise.all(services.map(client));
  return {
    async stop() {
      state.on = false;
      await all;
      return failures;
    },
  };
}

async function variant(service: string, version = 1): Promise<VariantState> {
  const { variants } = await platform.backend.state();
  const found = variants.find((own) => own.service === service && own.version === version);
  if (found === undefined) throw new Error(`${service} isn't prepared`);
  return found;
}

/** Pids of its ready workers; undefined while one isn't. */
async function ready(service: string, version = 1): Promise<number[] | undefined> {
  const { workers } = await variant(service, version);
  const pids = workers.flatMap(({ state, pid }) => (state === "ready" && pid !== undefined ? [pid] : []));
  return pids.length === workers.length ? pids : undefined;
}

async function pid(service: string, version = 1): Promise<number> {
  const [own] = await eventually(`${service} ready`, () => ready(service, version));
  if (own === undefined) throw new Error(`${service} has no worker`);
  return own;
}

describe("models that share a process", () => {
  const all = ["one", "two", "three", "four"];
  beforeAll(async () => {
    for (const service of all) await serve(service);
  });
  afterAll(() => remove(...all));

  it("are the small ones, but never two versions of one service", async () => {
    const together = await pid("one");
    for (const service of all) expect(await pid(service)).toBe(together);
    await platform.backend.prepare(variantFor("one", 2, modelDir), NEVER);
    expect(await pid("one", 2)).not.toBe(together);
    await platform.backend.prepare({ ...variantFor("limited", 1, modelDir), memoryBytes: 2 ** 29 }, NEVER);
    expect(new Set([together, await pid("one", 2)])).not.toContain(await pid("limited"));
    expect((await variant("limited")).workers).toMatchObject([{ state: "ready" }]);
    expect((await variant("one")).workers[0]?.isShared).toBe(true);
    await platform.backend.remove({ service: "limited", version: 1 });
  });

  it.each(["SIGSEGV", "SIGSTOP"] as const)("lose no request when it gets %s", async (signal) => {
    const victim = await pid("one");
    const running = load(all);
    process.kill(victim, signal);
    for (const service of all)
      await eventually(`${service} elsewhere`, async () => {
        const [own] = (await ready(service)) ?? [];
        return own !== undefined && own !== victim;
      });
    expect(await running.stop()).toEqual([]);
    const ends = await Promise.all(
      all.map(async (service) => (await variant(service)).lastEnd?.reason ?? ""),
    );
    // One that was stopped is ended later: it is given twice the time that a caller waits.
    if (signal === "SIGSEGV") expect(ends.every((reason) => reason.includes(signal))).toBe(true);
  });

  it("lose no request while control is stopped for seconds", async () => {
    const control = platform.pid("control");
    const running = load(all);
    process.kill(control, "SIGSTOP");
    try {
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect(await running.stop()).toEqual([]);
    } finally {
      process.kill(control, "SIGCONT");
    }
  });

  it("are parted from one that spins, which is ended, and the reason kept", async () => {
    await serve("spins", { modelDir: await platform.model(spinning()) }, { timeoutMs: 900 });
    const victim = await pid("spins");
    const running = load(all);
    const spun = await infer("spins", SPIN);
    expect(spun.status).toBe(504);
    await eventually("its end", () => !platform.children().some((child) => child.pid === victim));
    expect(await running.stop()).toEqual([]);
    const reason = await eventually("the reason", async () => (await variant("spins")).lastEnd?.reason);
    expect(reason).toMatch(/^ended: it had answered nothing for \d\.\d s while \d requests? waited$/);
    const lines = await platform.backend.logs({ service: "spins", version: 1 }, 10);
    expect(lines.join("\n")).toContain("it had answered nothing for");
    await remove("spins");
  }, 20_000);
});

describe("scale", () => {
  it("goes up with the load, down when it is gone, and to zero; the next request waits for a worker", async () => {
    // So little that any load asks for all.
    const scale = { max: 3, concurrency: 0.01, idleMs: 700 };
    await serve("elastic", { workers: 0, scale });
    const held = await eventually("zero", async () => (await variant("elastic")).workers.length === 0);
    expect(held).toBe(true);
    expect((await fetch(`${platform.url}/v2/models/elastic/ready`)).status).toBe(200);
    expect((await infer("elastic")).status).toBe(200);
    const state = { on: true };
    const statuses = new Set<number>();
    const client = async () => {
      while (state.on) statuses.add((await infer("elastic")).status);
    };
    const clients = Promise.all(Array.from({ length: 4 }, client));
    try {
      await eventually("three workers", async () => ((await ready("elastic"))?.length ?? 0) === 3);
    } finally {
      state.on = false;
      await clients;
    }
    expect([...statuses]).toEqual([200]);
    await eventually("zero", async () => (await variant("elastic")).workers.length === 0);
    await remove("elastic");
  });

  it("follows what is asked for while it serves", async () => {
    await serve("asked");
    await platform.backend.prepare(variantFor("asked", 1, modelDir, 2), NEVER);
    await eventually("two workers", async () => ((await ready("asked"))?.length ?? 0) === 2);
    await platform.backend.prepare(variantFor("asked", 1, modelDir, 1), NEVER);
    await eventually("one worker", async () => ((await ready("asked"))?.length ?? 0) === 1);
    await remove("asked");
  });
});

describe("limits of a model", () => {
  it("answer 503 at once when its queue is full, and leave the others alone", async () => {
    await serve("narrow", { limits: { concurrency: 1, queue: 1 } });
    await serve("wide");
    const victim = await pid("narrow");
    await infer("narrow");
    // Its process takes nothing in: whatever comes stays where it is.
    process.kill(victim, "SIGSTOP");
    const first = [infer("narrow"), infer("narrow")];
    const refused = await eventually("a refusal", async () => {
      const response = await infer("narrow");
      return response.status === 503 && response;
    });
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.text()).toContain("has more requests than it can hold");
    process.kill(victim, "SIGCONT");
    for (const response of await Promise.all(first)) expect([200, 503]).toContain(response.status);
    expect((await infer("wide")).status).toBe(200);
    await remove("narrow", "wide");
  });
});
