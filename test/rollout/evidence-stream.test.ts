import { once } from "node:events";
import { type ClientRequest, get, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { createApp } from "../../src/http/server.ts";
import { createEvidenceReader, type EvidenceReader } from "../../src/rollout/evidence-reader.ts";
import { evidenceRoutes } from "../../src/rollout/evidence-routes.ts";
import { EvidenceStreams, MOST_LISTENERS, type StreamTimes } from "../../src/rollout/evidence-stream.ts";
import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import type { Rollouts } from "../../src/rollout/rollouts.ts";
import { World } from "./world.ts";

const BASE = "/api/slipway/v1";

/** A browser's EventSource as far as this goes: what came, and waiting for more of it. */
class Listener {
  readonly events: RolloutEvidence[] = [];
  comments = 0;
  /** What isn't a whole block yet; of a refusal all of it. */
  rest = "";
  response: IncomingMessage | undefined;
  isEnded = false;
  readonly request: ClientRequest;
  #wake: () => void = () => undefined;

  constructor(url: string) {
    this.request = get(url, { agent: false }, (response) => {
      this.response = response;
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        this.#take(chunk);
        this.#wake();
      });
      response.on("close", () => {
        this.isEnded = true;
        this.#wake();
      });
      this.#wake();
    });
    this.request.on("error", () => {
      this.isEnded = true;
      this.#wake();
    });
  }

  #take(chunk: string): void {
    const blocks = (this.rest + chunk).split("\n\n");
    this.rest = blocks.pop() ?? "";
    const head = "event: evidence\ndata: ";
    for (const block of blocks) {
      if (block.startsWith(head)) this.events.push(JSON.parse(block.slice(head.length)) as RolloutEvidence);
      if (block.startsWith(":")) this.comments++;
    }
  }

  /** Bounded by the test's own time limit. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  close(): void {
    this.request.destroy();
  }
}

describe("evidence over HTTP", () => {
  const times: StreamTimes = { pause: 5, refresh: 60_000, heartbeat: 60_000, stuck: 60_000 };
  let app: FastifyInstance;
  let world: World;
  let rollouts: Rollouts;
  let streams: EvidenceStreams;
  let reader: EvidenceReader;
  let url: string;
  let listeners: Listener[];
  const defects: unknown[] = [];

  async function open(
    changed: Partial<StreamTimes> = {},
    broken?: EvidenceReader,
    ofRoutes = createEvidenceReader({ db: world.db, clock: world.clock }),
  ): Promise<void> {
    reader = ofRoutes;
    streams = new EvidenceStreams({
      reader: broken ?? reader,
      clock: systemClock,
      times: { ...times, ...changed },
      log: (error) => void defects.push(error),
    });
    app = await createApp({
      guard: () => null,
      logDefect: (error) => void defects.push(error),
      version: "0",
    });
    evidenceRoutes(app, { evidence: reader, streams });
    await app.listen({ host: "127.0.0.1", port: 0 });
    url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}${BASE}`;
  }

  function listen(service = "m"): Listener {
    const listener = new Listener(`${url}/services/${service}/evidence/stream`);
    listeners.push(listener);
    return listener;
  }

  beforeEach(async () => {
    listeners = [];
    defects.length = 0;
    world = new World();
    world.versions.set(1, { fails: 0 }).set(2, { fails: 0 });
    rollouts = world.open();
    await rollouts.request(world.request(1));
    await world.settle(rollouts);
  });
  afterEach(async () => {
    for (const listener of listeners) listener.close();
    await app.close();
  });

  async function beginTrial(): Promise<void> {
    await rollouts.request(world.request(2));
    await world.settle(rollouts);
  }

  it("answers once, for a service and for a rollout", async () => {
    await open();
    await beginTrial();
    const of = async (path: string): Promise<{ status: number; body: unknown }> => {
      const answer = await app.inject(`${BASE}${path}`);
      return { status: answer.statusCode, body: answer.json() };
    };
    const { body } = await of("/services/m/evidence");
    const { rollout } = body as RolloutEvidence;
    expect(rollout).toMatchObject({ version: 2, state: "progressing" });
    expect(await of(`/rollouts/${rollout.id}/evidence`)).toEqual({ status: 200, body });
    expect(await of("/rollouts/x/evidence")).toMatchObject({
      status: 404,
      body: { error: { code: "NOT_FOUND" } },
    });
    expect((await of("/services/x/evidence")).status).toBe(404);
    expect((await of("/services/x/evidence/stream")).status).toBe(404);
  });

  it("streams the whole evidence at once, then what changes, and nothing when nothing does", async () => {
    await open();
    await beginTrial();
    const listener = listen();
    await listener.until(() => listener.events.length === 1);
    expect(listener.response?.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    world.clock.time += 1000;
    world.backend.serve("m", 100);
    await world.settle(rollouts);
    await listener.until(() => listener.events.length === 2);
    expect(listener.events[1]?.metrics[0]?.champion.units).toBe(95);
    const late = listen();
    await late.until(() => late.events.length === 1);
    expect(late.events[0]).toEqual(listener.events[1]);
    await rollouts.byHand({ service: "m", do: "rollback", who: "ada", roles: "all", reason: "" });
    await world.settle(rollouts);
    await listener.until(() => listener.events.at(-1)?.rollout.state === "rolledback");
    expect(new Set(listener.events.map((event) => JSON.stringify({ ...event, at: 0 }))).size).toBe(
      listener.events.length,
    );
  });

  it("says that it is still there while nothing happens", async () => {
    await open({ heartbeat: 10 });
    const listener = listen();
    await listener.until(() => listener.comments > 2);
    expect(listener.events).toHaveLength(1);
  });

  it("refuses more listeners than it can serve, until one leaves", async () => {
    await open();
    const many = Array.from({ length: MOST_LISTENERS }, () => listen());
    await Promise.all(many.map((listener) => listener.until(() => listener.events.length === 1)));
    const refused = listen();
    await refused.until(() => refused.isEnded);
    expect(refused.response?.statusCode).toBe(503);
    expect(JSON.parse(refused.rest)).toMatchObject({ error: { code: "EVIDENCE_STREAMS_FULL" } });
    const [socket] = many;
    socket?.close();
    await expect.poll(() => streams.listeners).toBe(MOST_LISTENERS - 1);
    const next = listen();
    await next.until(() => next.events.length === 1);
  });

  it("skips a reader that doesn't read, and gives it the newest when it does", async () => {
    await open();
    await beginTrial();
    const slow = listen();
    const quick = listen();
    await slow.until(() => slow.events.length === 1);
    await quick.until(() => quick.events.length === 1);
    slow.response?.pause();
    // Long sentences fill the socket soon.
    for (let i = 0; i < 12; i++) {
      const sentence = `${i} ${"x".repeat(500_000)}`;
      await world.db.write(
        {
          name: "test.sentence",
          run: (tx, text: string) => tx.run("UPDATE rollouts SET sentence = ?", [text]),
        },
        sentence,
      );
      await quick.until(() => quick.events.at(-1)?.rollout.sentence === sentence);
    }
    slow.response?.resume();
    await slow.until(() => slow.events.at(-1)?.rollout.sentence?.startsWith("11 ") === true);
    expect(slow.events.length).toBeLessThan(quick.events.length);
  });

  it("ends every stream when the platform stops, and lets nobody in after", async () => {
    await open();
    const listener = listen();
    await listener.until(() => listener.events.length === 1);
    await app.close();
    await listener.until(() => listener.isEnded);
    expect(() => streams.admit()).toThrow(/stopping/);
  });

  it("goes on when the database fails once", async () => {
    const working = createEvidenceReader({ db: world.db, clock: world.clock });
    let failures = 1;
    await open(
      {},
      {
        ...working,
        ofService: async (name) => {
          if (failures-- > 0) throw new Error("the disk is away");
          return working.ofService(name);
        },
      },
    );
    const listener = listen();
    await listener.until(() => listener.events.length === 1);
    expect(defects).toHaveLength(1);
  });

  it("keeps no place for one that left before it was let in", async () => {
    const working = createEvidenceReader({ db: world.db, clock: world.clock });
    let goOn = (): void => undefined;
    const asked = new Promise<void>((begun) => {
      reader = {
        ...working,
        async mark(name) {
          begun();
          await new Promise<void>((resolve) => (goOn = resolve));
          return working.mark(name);
        },
      };
    });
    await open({}, undefined, reader);
    const gone = once(app.server, "connection").then(([socket]) => once(socket as Socket, "close"));
    const listener = listen();
    await asked;
    listener.close();
    await gone;
    goOn();
    // One that is let in behind it shows that the first one has had its turn.
    const next = new Promise<void>(
      (resolve) => (reader.mark = async (name) => (resolve(), working.mark(name))),
    );
    const second = listen();
    await next;
    await second.until(() => second.events.length === 1);
    expect(streams.listeners).toBe(1);
  });

  it("reads nothing anew for one that comes back at once", async () => {
    const working = createEvidenceReader({ db: world.db, clock: world.clock });
    let read = 0;
    await open({ pause: 60_000 }, { ...working, ofService: (name) => (read++, working.ofService(name)) });
    for (let i = 0; i < 3; i++) {
      const listener = listen();
      await listener.until(() => listener.events.length === 1);
      listener.close();
      await expect.poll(() => streams.listeners).toBe(0);
    }
    expect(read).toBe(1);
  });

  it("forgets a listener that leaves", async () => {
    await open();
    const listener = listen();
    await listener.until(() => listener.events.length === 1);
    expect(streams.listeners).toBe(1);
    listener.close();
    await once(listener.request, "close");
    await expect.poll(() => streams.listeners).toBe(0);
  });
});
