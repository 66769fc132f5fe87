// What the demo asks the platform: its public API only.
import { setTimeout as sleep } from "node:timers/promises";

const EVERY_MS = 150;
const ENDED = new Set(["promoted", "rolledback", "superseded"]);

/** Asks again until the probe answers something, or fails and says what it waited for. */
export async function until(what, withinMs, probe) {
  const deadline = Date.now() + withinMs;
  let problem = "";
  for (;;) {
    try {
      const answer = await probe();
      if (answer) return answer;
    } catch (error) {
      problem = `; last problem: ${error.message}`;
    }
    if (Date.now() > deadline) throw new Error(`waited ${withinMs / 1000} s for ${what}${problem}`);
    await sleep(EVERY_MS);
  }
}

/** The rollouts of a model, newest first. */
export async function rollouts(platform, model) {
  const { rollouts: all } = await platform.get(`/api/slipway/v1/rollouts?model=${encodeURIComponent(model)}`);
  return all;
}

/** Waits until the rollout of a version has ended. */
export function endedRollout(platform, model, version, withinMs) {
  return until(`the end of version ${version}'s rollout`, withinMs, async () => {
    const found = (await rollouts(platform, model)).find((rollout) => rollout.version === version);
    return found && ENDED.has(found.state) ? found : undefined;
  });
}
