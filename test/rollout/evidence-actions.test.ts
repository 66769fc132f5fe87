import { expect, test } from "vitest";
import { createEvidenceReader } from "../../src/rollout/evidence-reader.ts";
import type { Rollouts } from "../../src/rollout/rollouts.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";
import { policy, World } from "./world.ts";

type Step = (rollouts: Rollouts, world: World) => Promise<unknown>;

const byHand =
  (what: "hold" | "rollback" | "promote"): Step =>
  async (rollouts, world) => {
    await rollouts.byHand({ service: "m", do: what, who: "ada", roles: "all", reason: "" });
    await world.settle(rollouts);
  };

/** A world in which version 2 is where it should be to ask. */
async function situation(
  changes: Partial<RolloutPolicy>,
  steps: readonly Step[],
): Promise<{ world: World; rollouts: Rollouts }> {
  const world = new World();
  world.versions.set(1, { fails: 0 }).set(2, { fails: 0 });
  const rollouts = world.open();
  for (const version of [1, 2]) {
    await rollouts.request(
      world.request(version, { policy: { ...policy, ...(version === 2 ? changes : {}) } }),
    );
    await world.settle(rollouts);
  }
  for (const step of steps) await step(rollouts, world);
  return { world, rollouts };
}

const SITUATIONS: readonly [name: string, changes: Partial<RolloutPolicy>, steps: readonly Step[]][] = [
  ["at a step", {}, []],
  ["held by hand", {}, [byHand("hold")]],
  ["at a step, a yes will be needed", { approval: "reviewer" }, []],
  ["copies only, until a person says so", { shadow: { share: 100, for: null } }, []],
  ["copies first", { shadow: { share: 100, for: 60_000 } }, []],
  ["waits for a yes before anything", { kind: "blue-green", approval: "reviewer" }, []],
  ["switched", { kind: "blue-green" }, []],
  ["rolled back", {}, [byHand("rollback")]],
  ["promoted", {}, [byHand("promote")]],
];
const ACTIONS = ["promote", "rollback", "hold", "resume", "approve"] as const;

test.each(SITUATIONS)("what is said to be allowed is what is done: %s", async (_, changes, steps) => {
  for (const what of ACTIONS) {
    const { world, rollouts } = await situation(changes, steps);
    const reader = createEvidenceReader({ db: world.db, clock: world.clock });
    const action = (await reader.ofService("m"))?.actions.find((one) => one.do === what);
    const refusal = await rollouts
      .byHand({ service: "m", do: what, who: "ada", roles: "all", reason: "" })
      .then(() => null)
      .catch((error: unknown) => (error as { code: string }).code);
    // Holding what is held changes nothing, and isn't refused.
    const isIdle = what === "hold" && action?.why === "it is held already";
    expect({ what, allowed: action?.allowed || isIdle, why: action?.why }).toEqual({
      what,
      allowed: refusal === null,
      why: expect.stringMatching(/./),
    });
    await world.db.close();
  }
});
