import { createServer } from "node:http";
import type { Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { AnswerReader } from "../../src/load/answer-reader.ts";
import { dueTimes } from "../../src/load/arrivals.ts";
import { Numbers, quantile } from "../../src/load/numbers.ts";
import { openLoop } from "../../src/load/open-loop.ts";
import type { OpenLoopOptions } from "../../src/load/open-loop.ts";

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

/** Loads a server that answers so. */
async function load(
  answer: (res: ServerResponse, number: number) => void,
  more: Partial<OpenLoopOptions> = {},
) {
  let number = 0;
  let connections = 0;
  const started = createServer((req, res) => {
    req.resume();
    req.on("end", () => answer(res, (number += 1)));
  });
  server = started;
  started.on("connection", () => (connections += 1));
  await new Promise<void>((listening) => started.listen(0, "127.0.0.1", listening));
  const { port } = started.address() as AddressInfo;
  const result = await openLoop({
    target: { host: "127.0.0.1", port, isTls: false },
    request: Buffer.from(`POST / HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-length: 2\r\n\r\n{}`),
    rate: 200,
    arrivals: "even",
    seconds: 0.5,
    warmUpSeconds: 0,
    connections: 16,
    maxWaiting: 1_000,
    timeoutMs: 5_000,
    random: Math.random,
    ...more,
  });
  return { ...result, received: number, connectionsMade: connections };
}

describe("an open loop", () => {
  it("sends what is due and counts status and variant of each", async () => {
    const seen = await load(
      (res, number) => {
        const status = number % 10 === 0 ? 503 : 200;
        res.writeHead(status, { "x-slipway-variant": String(1 + (number % 2)) });
        res.end("{}");
      },
      { warmUpSeconds: 0.1 },
    );
    expect(seen.due).toBe(100);
    expect(seen.received).toBe(120);
    const total = [...seen.statuses.values()].reduce((sum, count) => sum + count, 0);
    expect(total).toBe(100);
    expect(seen.statuses.get(503)).toBe(10);
    expect(seen.latencies).toHaveLength(90);
    expect((seen.variants.get("1") ?? 0) + (seen.variants.get("2") ?? 0)).toBe(90);
    expect(seen.lags).toHaveLength(100);
    expect(seen.failures.size).toBe(0);
  });

  it("counts a stall against every request that was due in it, though the server was asked by few connections", async () => {
    // Stands still for 250 ms once; each of the 50 requests that were due meanwhile has waited for the rest of it.
    let standsUntil = 0;
    const held: ServerResponse[] = [];
    const seen = await load(
      (res, number) => {
        const now = performance.now();
        if (number === 20) {
          standsUntil = now + 250;
          setTimeout(() => {
            for (const one of held.splice(0)) one.end("{}");
          }, 250);
        }
        if (now < standsUntil) held.push(res);
        else res.end("{}");
      },
      { connections: 2 },
    );
    expect(seen.latencies).toHaveLength(100);
    expect(seen.connectionsMade).toBe(2);
    const slow = seen.latencies.filter((latency) => latency > 50).length;
    // A closed loop with two connections would have seen two.
    expect(slow).toBeGreaterThan(30);
    expect(seen.waited).toBeGreaterThan(30);
    expect(quantile(seen.latencies, 1)).toBeGreaterThan(240);
  });

  it("drops what finds no room, gives up what isn't answered, and says both", async () => {
    const seen = await load(() => undefined, {
      seconds: 0.3,
      connections: 1,
      maxWaiting: 5,
      timeoutMs: 150,
    });
    expect(seen.due).toBe(60);
    expect(seen.dropped).toBeGreaterThan(0);
    expect(seen.dropped + (seen.failures.get("timeout") ?? 0)).toBe(60);
    expect(seen.latencies).toHaveLength(0);
  });

  it("ends when it is told to, with what it has", async () => {
    const end = new AbortController();
    const seen = await load(
      (res, number) => {
        res.end("{}");
        if (number === 20) end.abort();
      },
      { seconds: 60, signal: end.signal },
    );
    expect(seen.seconds).toBeLessThan(30);
    // The last answers are still on their way when it ends.
    expect(seen.latencies.length).toBeGreaterThanOrEqual(10);
  });

  it("says why nobody answers", async () => {
    const seen = await load((res) => res.socket?.destroy(), { seconds: 0.1 });
    expect([...seen.failures.values()].reduce((sum, count) => sum + count, 0)).toBe(seen.due);
    expect(seen.statuses.size).toBe(0);
  });
});

describe("arrivals", () => {
  it("are even, without drift", () => {
    const times = dueTimes(3, "even", Math.random);
    const first = Array.from({ length: 4 }, () => times.next().value);
    expect(first.map((time) => Math.round(time))).toEqual([0, 333, 667, 1_000]);
  });

  it("have exponential gaps of the mean that was asked for", () => {
    let seed = 1;
    const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    const times = dueTimes(100, "poisson", random);
    const all = Array.from({ length: 20_001 }, () => times.next().value);
    const gaps = all.slice(1).map((time, i) => time - (all[i] ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    expect(mean).toBeGreaterThan(9.7);
    expect(mean).toBeLessThan(10.3);
    // Of an exponential, e^-1 lie beyond the mean.
    expect(gaps.filter((gap) => gap > 10).length / gaps.length).toBeCloseTo(Math.exp(-1), 1);
  });
});

describe("an answer's end", () => {
  const answers = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Slipway-Variant: 7\r\n\r\nhello",
    "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n3;x=y\r\n\r\n\n\r\n0\r\nt: 1\r\n\r\n",
    "HTTP/1.1 204 Nothing\r\n\r\n",
  ];

  it("is found however the bytes are cut", () => {
    for (const size of [1, 2, 3, 7, 1_000]) {
      const reader = new AnswerReader();
      const heads = answers.flatMap((text) => {
        const bytes = Buffer.from(text);
        const found = [];
        for (let at = 0; at < bytes.length; at += size)
          found.push(reader.push(bytes.subarray(at, at + size)));
        expect(
          found.slice(0, -1).every((one) => one === undefined),
          `cut by ${size}`,
        ).toBe(true);
        return found.at(-1);
      });
      expect(heads).toEqual([
        { status: 200, variant: "7", closes: false },
        { status: 503, variant: undefined, closes: true },
        { status: 204, variant: undefined, closes: false },
      ]);
    }
  });

  it("isn't looked for in what isn't HTTP", () => {
    expect(() => new AnswerReader().push(Buffer.from("hello\r\n\r\n"))).toThrow("HTTP/1.1");
  });
});

it("gives quantiles by the nearest rank", () => {
  const numbers = new Numbers();
  for (let i = 5_000; i > 0; i--) numbers.add(i);
  const sorted = numbers.sorted();
  expect([0, 0.5, 0.99, 0.999, 1].map((q) => quantile(sorted, q))).toEqual([1, 2_500, 4_950, 4_995, 5_000]);
  expect(quantile(new Float64Array(), 0.5)).toBeNaN();
});
