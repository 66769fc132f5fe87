import { expect, test } from "vitest";
import { RolloutSigns } from "../../src/pipelines/rollout-signs.ts";

test("says that a version goes on when nothing was heard of it, and what it waits for", () => {
  const signs = new RolloutSigns();
  expect(signs.sign(60_000)).toBeUndefined();
  signs.saw({ kind: "step.finished", at: 0 }, 0);
  expect(signs.sign(60_000)).toBeUndefined();
  signs.saw({ kind: "version.registered", at: 60_000 }, 60_000);
  expect(signs.sign(74_999)).toBeUndefined();
  expect(signs.sign(75_000)).toBe("its rollout hasn't begun yet, 15 s");
  expect(signs.sign(80_000)).toBeUndefined();
  signs.saw({ kind: "rollout.checking", at: 82_000 }, 82_100);
  expect(signs.sign(90_000)).toBeUndefined();
  expect(signs.sign(97_100)).toBe("it is being loaded where it will serve, 15 s");
  expect(signs.sign(112_100)).toBe("it is being loaded where it will serve, 30 s");
});
