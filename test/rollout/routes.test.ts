import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toSlipwayError } from "../../src/http/errors.ts";
import { rolloutRoutes } from "../../src/rollout/routes.ts";
import type { Rollouts } from "../../src/rollout/rollouts.ts";
import { World } from "./world.ts";
import { asLocalCaller } from "../support/as-local-caller.ts";

const BASE = "/api/slipway/v1";

describe("rollout routes", () => {
  let app: FastifyInstance;
  let world: World;
  let rollouts: Rollouts;
  beforeEach(async () => {
    world = new World();
    world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.01 });
    rollouts = world.open();
    app = Fastify();
    asLocalCaller(app);
    app.setErrorHandler((error, _request, reply) => {
      const known = toSlipwayError(error);
      const status =
        known.code === "INTERNAL" ? ((error as { statusCode?: number }).statusCode ?? 500) : known.status;
      return reply.status(status).send({ error: known.toJSON() });
    });
    rolloutRoutes(app, { db: world.db, rollouts });
    for (const version of [1, 2]) {
      await rollouts.request(world.request(version));
      await world.settle(rollouts);
    }
  });
  afterEach(() => app.close());

  const get = async (path: string): Promise<unknown> => (await app.inject(`${BASE}${path}`)).json();

  it("lists services with champion, challenger and rollout", async () => {
    expect(await get("/services")).toMatchObject({
      services: [
        {
          name: "m",
          champion: { version: 1 },
          challenger: { version: 2 },
          weight: 5,
          state: "progressing",
          rollout: { state: "progressing", reason: null },
          commit: world.environment.commits.at(-1)?.commit,
        },
      ],
    });
    expect(await get("/services/m")).toMatchObject({ name: "m", history: [{ order: 2 }, { order: 1 }] });
    expect((await app.inject(`${BASE}/services/x`)).statusCode).toBe(404);
  });

  it("shows a rollout with its evidence and commits", async () => {
    world.backend.serve("m", 1000);
    await rollouts.pass("m");
    const { rollouts: all } = (await get("/rollouts?model=m")) as { rollouts: { id: string }[] };
    expect(all).toHaveLength(2);
    expect(await get(`/rollouts/${all[0]?.id}`)).toMatchObject({
      version: 2,
      pipelineRunId: "pr-2",
      evidence: { metrics: [{ metric: "errors", champion: { units: 950 }, challenger: { units: 50 } }] },
      contract: { passed: true },
      commits: [{ weight: 5 }],
    });
  });

  it("keeps of a reason what is text, in one line", async () => {
    const reason = "wrong\u0000 currency\u001b[2J\n\nSlipway-Intent: in-1\u202e";
    const answer = await app.inject({
      method: "POST",
      url: `${BASE}/services/m/rollback`,
      payload: { reason },
    });
    expect(answer.statusCode).toBe(200);
    await world.settle(rollouts);
    expect((await world.rollout(2)).sentence).toMatch(
      /^rolled back by somebody on this machine: wrong currency \[2J Slipway-Intent: in-1; /,
    );
  });

  it("acts by hand, with or without a body", async () => {
    const act = (what: string, payload?: object) =>
      app.inject({ method: "POST", url: `${BASE}/services/m/${what}`, ...(payload ? { payload } : {}) });
    expect((await act("hold", { reason: "lunch" })).statusCode).toBe(200);
    await world.settle(rollouts);
    expect(await get("/services/m")).toMatchObject({ rollout: { state: "held", reason: "by-hand" } });
    expect((await act("resume")).statusCode).toBe(200);
    expect((await act("approve")).json()).toMatchObject({ error: { code: "ROLLOUT_NOT_RUNNING" } });
    expect((await act("promote")).statusCode).toBe(200);
    await world.settle(rollouts);
    expect(await get("/services/m")).toMatchObject({ champion: { version: 2 }, state: "steady" });
    expect((await act("explode")).statusCode).toBe(400);
  });

  it("takes labels and refuses what isn't labels", async () => {
    const post = (payload: object) =>
      app.inject({ method: "POST", url: `${BASE}/services/m/labels`, payload });
    const labels = [
      { id: "a", label: 1 },
      { id: "b", label: ["x", true] },
    ];
    expect((await post({ labels })).json()).toMatchObject({ accepted: 2, unknown: 0 });
    expect((await post({ labels: [{ id: "c" }] })).json()).toMatchObject({
      error: { code: "INVALID_REQUEST", where: "body.labels.0.label" },
    });
    expect((await post({ labels: [{ id: "c\u0000", label: 1 }] })).json()).toMatchObject({
      error: { code: "INVALID_REQUEST", where: "body.labels.0.id" },
    });
    // No request can have such a name, and no label such a key: taken in, they would wait for nothing.
    expect((await post({ labels: [{ id: "a b", label: 1 }] })).json()).toMatchObject({
      error: { code: "INVALID_REQUEST", where: "body.labels.0.id", given: '"a b"' },
    });
    expect((await post({ labels: [{ id: "c", lable: 1, label: 1 }] })).json()).toMatchObject({
      error: { message: "a label has an unknown key", where: "body.labels.0.lable", given: "1" },
    });
    const many = Array.from({ length: 10_001 }, (_, i) => ({ id: `${i}`, label: 1 }));
    expect((await post({ labels: many })).statusCode).toBe(413);
  });
});

describe("the loops", () => {
  it("carry a request to its end by themselves, survive errors, and end when told", async () => {
    const world = new World();
    world.versions.set(1, { fails: 0 });
    const deps = world.deps();
    const lines: string[] = [];
    let failures = 2;
    const rollouts = world.open({
      ...deps,
      // Pauses take one turn of the event loop, so that the test waits for events and not for time.
      clock: { now: () => world.clock.time, sleep: () => new Promise((resolve) => setImmediate(resolve)) },
      log: (line) => void lines.push(line),
      models: {
        ...deps.models,
        materialise: async (path) => {
          if (failures-- > 0) throw new Error("the disk is away");
          return deps.models.materialise(path);
        },
      },
    });
    const promoted = new Promise<void>((resolve) => {
      const { push } = world.events;
      world.events.push = (...events) => {
        if (events.some((event) => event.kind === "rollout.promoted")) resolve();
        return push.apply(world.events, events);
      };
    });
    const end = new AbortController();
    rollouts.start(end.signal);
    await rollouts.request(world.request(1));
    await promoted;
    end.abort();
    await rollouts.ended();
    expect(lines.length).toBeGreaterThanOrEqual(2);
    expect(world.environment.headState("m")?.champion).toBe(1);
  });
});
