import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { openEnvironmentRepository, type PushedEnvironment } from "../../src/git/environment-repository.ts";
import { ENVIRONMENT } from "../../src/git/names.ts";
import { openTestRepositories } from "../git/helpers.ts";
import { World } from "./world.ts";

describe("a rollout over a real repository", () => {
  let folder: string;
  let environment: PushedEnvironment;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "slipway-rollout-"));
    const { git, repositories } = await openTestRepositories(folder);
    const path = await repositories.ensure(ENVIRONMENT);
    environment = openEnvironmentRepository({ path, git, clock: systemClock });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("commits the rollback with its evidence, and follows a person's commit", async () => {
    const world = new World();
    world.versions.set(1, { fails: 0.01 }).set(2, { fails: 0.3 }).set(3, { fails: 0 });
    world.backend.environment = environment;
    const rollouts = world.open({ ...world.deps(), environment });
    for (const version of [1, 2]) {
      await rollouts.request(world.request(version));
      await world.settle(rollouts);
    }
    await world.run(rollouts, async () => (await world.state(2)) === "rolledback");
    const head = await environment.head();
    expect(head?.order).toBe(3);
    expect(head?.trailers).toMatchObject({
      "Slipway-Intent": expect.stringMatching(/^in-/) as string,
      "Slipway-Rollout": expect.stringMatching(/^ro-/) as string,
    });
    expect(head?.message).toMatch(
      /version 2 failed \d+ of \d+ requests, version 1 \d+ of \d+: taken out after/,
    );
    expect(head?.message).toContain("declared false rollback rate 1 %");
    expect(await environment.read(head?.commit ?? "")).toEqual(
      new Map([["m", { name: "m", champion: 1, weight: 0 }]]),
    );

    await environment.commit({
      parent: head?.commit ?? null,
      service: "m",
      state: { name: "m", champion: 3, weight: 0 },
      subject: "Serve version 3",
      body: "",
      trailers: {},
    });
    environment.pushed();
    await world.settle(rollouts);
    expect(world.backend.rules.get("m")).toMatchObject({ champion: 3, order: 4 });
    expect(world.registry.aliases.get("champion")).toBe(3);
    expect(world.backend.violations).toEqual([]);
  });
});
