import { describe, expect, it } from "vitest";
import type { RolloutDeps } from "../../src/rollout/deps.ts";
import type { Rollouts } from "../../src/rollout/rollouts.ts";
import { policy, World } from "./world.ts";

/**
 * Calls that change something; a controller may be killed before the first and after each. What is left when it is
 * killed before a later one is what the one before has left: only these change anything that outlives it.
 */
const EFFECTS = {
  db: ["write"],
  events: ["emit"],
  backend: ["prepare", "remove", "route", "stopChallenger"],
  environment: ["commit"],
  registry: ["projectAlias"],
  models: ["materialise"],
} as const satisfies Partial<Record<keyof RolloutDeps, readonly string[]>>;

interface Killer {
  deps: RolloutDeps;
  effects(): number;
  dead(): boolean;
}

/** The deps of one life: dies at the given effect, before or after it took place, and answers nothing any more. */
function mortal(world: World, dieAt: number, when: "before" | "after"): Killer {
  const plain = world.deps();
  let count = 0;
  let isDead = false;
  const wrap = <Target extends object>(target: Target, names: readonly string[]): Target =>
    new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name);
        if (typeof value !== "function") return value;
        // Registering listeners is not asynchronous and belongs to no life.
        if (String(name).startsWith("on")) return value.bind(object);
        return async (...args: unknown[]): Promise<unknown> => {
          if (isDead) throw new Error("killed");
          const isEffect = names.includes(String(name));
          const isLast = isEffect && ++count === dieAt;
          if (isLast && when === "before") isDead = true;
          if (isDead) throw new Error("killed");
          const result: unknown = await Reflect.apply(value, object, args);
          if (isLast) isDead = true;
          if (isDead) throw new Error("killed");
          return result;
        };
      },
    });
  const deps: RolloutDeps = {
    ...plain,
    db: wrap(plain.db, EFFECTS.db),
    events: wrap(plain.events, EFFECTS.events),
    backend: wrap(plain.backend, EFFECTS.backend),
    environment: wrap(plain.environment, EFFECTS.environment),
    registry: wrap(plain.registry, EFFECTS.registry),
    models: wrap(plain.models, EFFECTS.models),
  };
  return { deps, effects: () => count, dead: () => isDead };
}

/** First champion, an equal version promoted, a bad one taken out. Answers the number of effects of one life. */
async function mainJob(world: World, dieAt: number, when: "before" | "after"): Promise<number> {
  world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.01 }).set(3, { fails: 0.4 });
  const life = mortal(world, dieAt, when);
  let rollouts: Rollouts = world.open(life.deps);
  let isReborn = false;
  const survive = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!life.dead() || isReborn) throw error;
      isReborn = true;
      rollouts = world.open();
      await work();
    }
  };
  for (const [version, end] of [
    [1, "promoted"],
    [2, "promoted"],
    [3, "rolledback"],
  ] as const) {
    await survive(() => rollouts.request(world.request(version)));
    await survive(() =>
      world.run(rollouts, async () => (await world.state(version)) === end, { perTick: 2000 }),
    );
  }
  await survive(() => world.settle(rollouts));
  if (dieAt !== Infinity) expect(isReborn).toBe(true);
  return life.effects();
}

async function checkWorld(world: World): Promise<void> {
  expect(world.backend.violations).toEqual([]);
  const head = await world.environment.head();
  expect(world.environment.headState("m")).toEqual({ name: "m", champion: 2, weight: 0 });
  expect(world.registry.aliases).toEqual(new Map([["champion", 2]]));
  expect(world.backend.rules.get("m")).toMatchObject({ commit: head?.commit, champion: 2, share: 0 });
  expect([...world.backend.variants]).toEqual(["m/2"]);
  expect(world.backend.stops).toContain(3);
  await world.db.read(async (tx) => {
    const projected = await tx.get<{ projected_commit: string; outbox: number }>(
      `SELECT projected_commit, (SELECT COUNT(*) FROM rollout_outbox) AS outbox FROM rollout_environment`,
    );
    expect(projected).toEqual({ projected_commit: head?.commit, outbox: 0 });
    // Every commit is ours, is in the history once, and was asked by one intent.
    const history = await tx.all<{ commit_id: string; intent_id: string }>(
      "SELECT commit_id, intent_id FROM rollout_history ORDER BY commit_order",
    );
    expect(history).toEqual(
      world.environment.commits.map((commit) => ({
        commit_id: commit.commit,
        intent_id: commit.trailers["Slipway-Intent"],
      })),
    );
    const rollouts = await tx.all<{ id: string; version: number; state: string; judgement: string }>(
      "SELECT id, version, state, judgement FROM rollouts ORDER BY seq",
    );
    expect(rollouts.map(({ version, state }) => [version, state])).toEqual([
      [1, "promoted"],
      [2, "promoted"],
      [3, "rolledback"],
    ]);
    await checkCounts(tx, rollouts);
  });
  for (const kind of ["rollout.promoted", "rollout.rolledback", "service.champion"]) {
    expect(world.events.map((event) => event.kind)).toContain(kind);
  }
}

/** The judge has counted each unit that the cursors passed once. */
async function checkCounts(
  tx: Parameters<Parameters<World["db"]["read"]>[0]>[0],
  rollouts: { id: string; judgement: string | null }[],
): Promise<void> {
  for (const { id, judgement } of rollouts) {
    if (judgement === null) continue;
    const seen = await tx.all<{ arm: string; units: number; loss: number }>(
      `SELECT arm, SUM(finished) AS units, SUM(failed) AS loss FROM rollout_cursors
       WHERE rollout_id = ? AND share > 0 AND share < 1 GROUP BY arm`,
      [id],
    );
    const { metrics } = JSON.parse(judgement) as { metrics: Record<string, object>[] };
    for (const { arm, units, loss } of seen) expect(metrics[0]?.[arm]).toEqual({ units, loss });
  }
}

const BLUE_GREEN = {
  ...policy,
  kind: "blue-green",
  watch: 60_000,
  shadow: { share: 20, for: 30_000 },
} as const;

/** Copies, then the switch, then promoted; and one that its copies take out. Answers the number of effects of one life. */
async function shadowJob(world: World, dieAt: number, when: "before" | "after"): Promise<number> {
  world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.01 }).set(3, { fails: 0.4 });
  const life = mortal(world, dieAt, when);
  let rollouts: Rollouts = world.open(life.deps);
  const survive = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!life.dead()) throw error;
      rollouts = world.open();
      await work();
    }
  };
  const settle = (): Promise<void> => survive(() => world.settle(rollouts));
  for (const version of [1, 2]) {
    await survive(() => rollouts.request(world.request(version, { policy: BLUE_GREEN })));
    await settle();
  }
  // Dead or alive, one minute of copies and one of everything.
  for (let minute = 0; minute < 2; minute++) {
    world.backend.serve("m", 500);
    world.clock.time += 60_000;
    await settle();
  }
  await survive(() => rollouts.request(world.request(3, { policy: BLUE_GREEN })));
  await survive(() =>
    world.run(rollouts, async () => (await world.state(3)) === "rolledback", { perTick: 500 }),
  );
  await settle();
  return life.effects();
}

async function checkShadowed(world: World): Promise<void> {
  expect(world.backend.violations).toEqual([]);
  const said = world.environment.commits.map(({ services }) => services.get("m"));
  expect(said).toEqual([
    { name: "m", champion: 1, weight: 0 },
    { name: "m", champion: 1, challenger: 2, weight: 0, shadow: 20 },
    { name: "m", champion: 1, challenger: 2, weight: 100 },
    { name: "m", champion: 2, weight: 0 },
    { name: "m", champion: 2, challenger: 3, weight: 0, shadow: 20 },
    { name: "m", champion: 2, weight: 0 },
  ]);
  expect(world.backend.rules.get("m")).toMatchObject({ order: 6, champion: 2, share: 0 });
  expect(world.backend.stops).toContain(3);
  expect([...world.backend.variants]).toEqual(["m/2"]);
  expect((await world.rollout(3)).sentence).toContain("no caller was harmed");
  await world.db.read(async (tx) => {
    const rollouts = await tx.all<{ id: string; state: string; judgement: string }>(
      "SELECT id, state, judgement FROM rollouts ORDER BY seq",
    );
    expect(rollouts.map(({ state }) => state)).toEqual(["promoted", "promoted", "rolledback"]);
    await checkCounts(tx, rollouts);
  });
}

/** Two champions, then the revert of the second one's promotion. Answers the number of effects of one life. */
async function revertJob(world: World, dieAt: number, when: "before" | "after"): Promise<number> {
  world.versions.set(1, { fails: 0 }).set(2, { fails: 0 });
  const setUp = world.open();
  for (const version of [1, 2]) {
    await setUp.request(world.request(version));
    await world.settle(setUp);
  }
  await setUp.byHand({ service: "m", do: "promote", who: "ada", roles: "all", reason: "" });
  await world.settle(setUp);
  world.environment.push([{ name: "m", champion: 1, challenger: 2, weight: 50 }]);
  const life = mortal(world, dieAt, when);
  try {
    await world.settle(world.open(life.deps));
  } catch (error) {
    if (!life.dead()) throw error;
  }
  await world.settle(world.open());
  return life.effects();
}

async function checkReverted(world: World): Promise<void> {
  expect(world.backend.violations).toEqual([]);
  // Champion 1; champion 1, challenger 2 at 5 %; champion 2; the revert; and ours, once.
  expect(world.environment.commits).toHaveLength(5);
  expect(world.environment.headState("m")).toEqual({ name: "m", champion: 1, weight: 0 });
  expect(world.backend.rules.get("m")).toMatchObject({ order: 5, champion: 1, share: 0 });
  expect([...world.backend.variants]).toEqual(["m/1"]);
  expect(await world.rollout(2)).toMatchObject({
    state: "rolledback",
    sentence: "the promotion of version 2 was reverted by ada",
  });
  expect(world.events.filter(({ kind }) => kind === "rollout.rolledback").length).toBeGreaterThan(0);
}

/** One world for each place to die in. */
async function killAtEach(effects: number, job: typeof mainJob, check: typeof checkWorld): Promise<void> {
  for (let dieAt = 0; dieAt <= effects; dieAt++) {
    const world = new World();
    const [effect, when] = dieAt === 0 ? [1, "before" as const] : [dieAt, "after" as const];
    try {
      await job(world, effect, when);
      await check(world);
    } catch (error) {
      throw new Error(`killed ${when} effect ${effect} of ${effects}`, { cause: error });
    }
    await world.db.close();
  }
}

describe("a controller killed at any effect and started again", () => {
  it("ends in the same place as one that lives", async () => {
    const effects = await mainJob(new World(), Infinity, "before");
    expect(effects).toBeGreaterThan(40);
    await killAtEach(effects, mainJob, checkWorld);
  });

  it("sends copies, switches and promotes once", async () => {
    const effects = await shadowJob(new World(), Infinity, "before");
    expect(effects).toBeGreaterThan(30);
    await killAtEach(effects, shadowJob, checkShadowed);
  });

  it("takes the version of a reverted promotion out once", async () => {
    const effects = await revertJob(new World(), Infinity, "before");
    expect(effects).toBeGreaterThan(8);
    await killAtEach(effects, revertJob, checkReverted);
  });
});
