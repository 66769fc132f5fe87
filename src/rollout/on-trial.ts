import { promotion, toShadow, toStep, toSwitch } from "./moves.ts";
import { because, describeEvidence, duration, failedSinceSwitch } from "./sentences.ts";
import type { Action, Situation } from "./situation.ts";
import { isCopiesOnly, type Rollout, type Service } from "./state.ts";
import { grouped } from "./statistics/sentence.ts";

/** A step is left only when the challenger has answered this many at it: more load is a test of its own. */
const UNITS_PER_STEP = 10;

/** The first move of a version that passed its contract check. */
export function beginTrial({ service }: Situation, rollout: Rollout): Action {
  if (service.champion === null) {
    return promotion(service, rollout, `version ${rollout.version} is the first champion`);
  }
  const { policy, atOnce } = rollout.request;
  return policy.shadow !== null && !atOnce ? toShadow(service, rollout) : goLive(service, rollout);
}

/** The first move with real requests: by the kind of the rollout. */
function goLive(service: Service, rollout: Rollout): Action {
  const { version, kind, approvedBy } = rollout;
  if (kind === "canary") return toStep(service, rollout, 0, "rollout.progressing");
  const { policy, atOnce, requestedBy } = rollout.request;
  if (policy.approval !== "none" && approvedBy === null && !atOnce) {
    const known =
      rollout.progressingAt === null
        ? `version ${version} passed its contract check`
        : describeEvidence(rollout);
    const sentence = `${known}; before it gets all requests it waits for the yes of ${policy.approval}`;
    return { do: "hold", rolloutId: rollout.id, reason: "needs-approval", sentence };
  }
  if (kind === "blue-green") return toSwitch(service, rollout);
  const said = approvedBy === null ? "" : `, approved by ${approvedBy}`;
  const sentence = `version ${version} took the place of version ${service.champion} at once, asked by ${requestedBy}${said}`;
  return promotion(service, rollout, sentence);
}

/** What a rollout on trial does next, if anything; a bad challenger was stopped before this is asked. */
export function onTrial(situation: Situation, rollout: Rollout): Action | undefined {
  const { wish } = rollout;
  if (wish?.do === "promote") {
    const sentence = `promoted by ${wish.by}${because(wish.reason)}; ${describeEvidence(rollout)}`;
    return promotion(situation.service, rollout, sentence);
  }
  if (rollout.state === "held" && !isApproved(rollout)) return undefined;
  if (rollout.phase === "shadow") return inShadow(situation, rollout);
  if (rollout.phase === "switched") return afterSwitch(situation, rollout);
  return atStep(situation, rollout);
}

/** Held for a yes that was said. */
export function isApproved({ reason, approvedBy }: Rollout): boolean {
  return reason === "needs-approval" && approvedBy !== null;
}

function inShadow(situation: Situation, rollout: Rollout): Action | undefined {
  const { service, now, unitsAtStep } = situation;
  const isOver = rollout.deadlineAt !== null && now >= rollout.deadlineAt;
  if (isCopiesOnly(rollout)) {
    if (rollout.approvedBy !== null) return goLive(service, rollout);
    const isWithin = unitsAtStep > 0 && rollout.judgement?.verdict === "within-margin";
    if (!isWithin && !isOver) return undefined;
    const sentence =
      `${describeEvidence(rollout)}${isWithin ? "" : ": undecided at the deadline"}; only copies were sent, as the ` +
      `project asks; \`slipway approve ${service.name}\` goes on with real requests, ` +
      `\`slipway rollback ${service.name}\` ends it`;
    return { do: "hold", rolloutId: rollout.id, reason: "needs-approval", sentence };
  }
  const lasts = rollout.request.policy.shadow?.for ?? 0;
  const isDone = rollout.phaseAt !== null && now >= rollout.phaseAt + lasts;
  if (isDone && unitsAtStep > 0) return goLive(service, rollout);
  return isOver ? notEnoughData(situation, rollout) : undefined;
}

function afterSwitch(situation: Situation, rollout: Rollout): Action | undefined {
  const { service, now, unitsAtStep, sinceSwitch } = situation;
  const { watch, guard } = rollout.request.policy;
  if (!isWatchOver(rollout, now)) return undefined;
  const saw =
    guard === null
      ? "the absolute guard is off and watched nothing"
      : unitsAtStep === 0
        ? `no request came in ${duration(watch)}, so the absolute guard saw nothing`
        : `the absolute guard, outside the declared rates, didn't fire in ${duration(watch)} (${grouped(unitsAtStep)} requests)`;
  const failed = sinceSwitch === null ? "" : failedSinceSwitch(rollout.version, sinceSwitch);
  return promotion(
    service,
    rollout,
    `switched all requests to version ${rollout.version}; ${saw}${failed}: promoted`,
  );
}

/** True once the time is over for which the old champion stays ready after a switch. */
export function isWatchOver({ phase, phaseAt, request }: Rollout, now: number): boolean {
  return phase === "switched" && phaseAt !== null && now >= phaseAt + request.policy.watch;
}

function atStep(situation: Situation, rollout: Rollout): Action | undefined {
  const { service, now } = situation;
  const { judgement } = rollout;
  const isLast = rollout.step >= rollout.request.policy.steps.length - 1;
  const tried = situation.unitsAtStep >= UNITS_PER_STEP;
  if (rollout.state === "held" || (isLast && tried && judgement?.verdict === "within-margin")) {
    return promoteOrAsk(service, rollout, describeEvidence(rollout));
  }
  if (!isLast && tried && judgement?.advance) {
    return toStep(service, rollout, rollout.step + 1, "rollout.advanced");
  }
  if (rollout.deadlineAt !== null && now >= rollout.deadlineAt) return notEnoughData(situation, rollout);
  return undefined;
}

function promoteOrAsk(service: Service, rollout: Rollout, evidence: string): Action {
  const { approval } = rollout.request.policy;
  if (approval !== "none" && rollout.approvedBy === null) {
    const sentence = `${evidence}: within its margins, waits for the yes of ${approval}`;
    return { do: "hold", rolloutId: rollout.id, reason: "needs-approval", sentence };
  }
  const said = rollout.approvedBy === null ? "" : `, approved by ${rollout.approvedBy}`;
  return promotion(service, rollout, `${evidence}: promoted${said}`);
}

function notEnoughData({ service, now }: Situation, rollout: Rollout): Action {
  const { onNotEnoughData } = rollout.request.policy;
  const sentence = `${describeEvidence(rollout)}: undecided at the deadline`;
  if (onNotEnoughData === "promote")
    return promoteOrAsk(service, rollout, `${sentence}, without evidence as the project asks`);
  if (onNotEnoughData === "rollback") {
    const stop = { version: rollout.version, rolloutId: rollout.id, at: now };
    return { do: "stop", stop: { ...stop, sentence: `${sentence}, rolled back as the project asks` } };
  }
  return { do: "hold", rolloutId: rollout.id, reason: "not-enough-data", sentence };
}
