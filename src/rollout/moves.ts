import type { Action } from "./situation.ts";
import { describeEvidence, duration, whose } from "./sentences.ts";
import type { Rollout, RolloutPhase, Service } from "./state.ts";

/** Copies of requests go to the challenger; no caller gets its answers. */
export function toShadow(service: Service, rollout: Rollout): Action {
  const shadow = rollout.request.policy.shadow?.share ?? 100;
  const sentence = `version ${rollout.version} gets copies of ${shadow} % of ${whose(service.name)} requests`;
  return towardsChallenger(service, rollout, {
    traffic: { weight: 0, shadow },
    phase: "shadow",
    step: 0,
    sentence,
    event: "rollout.progressing",
  });
}

/** The share of a step. */
export function toStep(service: Service, rollout: Rollout, step: number, event: string): Action {
  const weight = rollout.request.policy.steps[step] ?? 100;
  const sentence = `version ${rollout.version} gets ${weight} % of ${whose(service.name)} requests`;
  return towardsChallenger(service, rollout, { traffic: { weight }, phase: "steps", step, sentence, event });
}

/** Everything at once, with the champion beside it. */
export function toSwitch(service: Service, rollout: Rollout): Action {
  const { watch } = rollout.request.policy;
  const sentence =
    `version ${rollout.version} gets all of ${whose(service.name)} requests, ` +
    `version ${service.champion} stays ready for ${duration(watch)}`;
  return towardsChallenger(service, rollout, {
    traffic: { weight: 100 },
    phase: "switched",
    step: 0,
    sentence,
    event: "rollout.progressing",
  });
}

interface Move {
  traffic: { weight: number; shadow?: number };
  phase: RolloutPhase;
  step: number;
  sentence: string;
  event: string;
}

function towardsChallenger(service: Service, rollout: Rollout, move: Move): Action {
  const { phase, step, sentence, event } = move;
  const evidence = rollout.progressingAt === null ? "its contract check passed" : describeEvidence(rollout);
  const said = rollout.approvedBy === null ? "" : `, approved by ${rollout.approvedBy}`;
  return {
    do: "commit",
    desired: {
      name: service.name,
      champion: service.champion ?? rollout.version,
      challenger: rollout.version,
      ...move.traffic,
    },
    subject: `${service.name}: ${sentence}`,
    after: {
      rolloutId: rollout.id,
      state: "progressing",
      phase,
      step,
      sentence: `${sentence}: ${evidence}${said}`,
      event,
    },
  };
}

/** Everything to the rollout's version for good: a promotion, or the way back to the champion before. */
export function promotion(service: Service, rollout: Rollout, sentence: string): Action {
  const isBack = rollout.request.atOnce === true && rollout.version === service.previousChampion;
  return {
    do: "commit",
    desired: { name: service.name, champion: rollout.version, weight: 0 },
    subject: `${service.name}: ${isBack ? "go back to" : "promote"} version ${rollout.version}`,
    after: { rolloutId: rollout.id, state: "promoted", sentence, event: "rollout.promoted" },
  };
}

export function backToChampion(
  service: Service,
  rollout: Rollout,
  state: "rolledback" | "superseded",
  sentence: string,
): Action {
  const did = state === "rolledback" ? "roll back" : "take out superseded";
  return {
    do: "commit",
    desired: { name: service.name, champion: service.champion ?? rollout.version, weight: 0 },
    subject: `${service.name}: ${did} version ${rollout.version}`,
    after: { rolloutId: rollout.id, state, reason: sentence, sentence, event: `rollout.${state}` },
  };
}
