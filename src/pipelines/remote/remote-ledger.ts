import type { EffectLedger, StepEffects } from "../effects.ts";
import type { StepClient } from "./client.ts";

/** What a step in a pod logs is watched, and repeated, by the platform that it logs to. */
export function remoteLedger(client: StepClient): EffectLedger {
  return {
    async begin() {
      await client.effects({ do: "begin" });
    },
    async end() {
      const left = (await client.effects({ do: "end" })) as { effects?: StepEffects; unsure?: string };
      return left.unsure === undefined ? { effects: left.effects } : { unsure: left.unsure };
    },
    async replay(_spec, _step, effects) {
      const { refused } = (await client.effects({ do: "replay", effects })) as { refused?: string };
      return refused;
    },
  };
}
