import type { ServiceState } from "../git/environment.ts";
import { takenOut, describeEvidence } from "./sentences.ts";
import {
  type After,
  type ContractVerdict,
  type EmergencyStop,
  type HeldReason,
  isOnTrial,
  type Projection,
  type Rollout,
  type RolloutState,
  type Service,
} from "./state.ts";

/** Everything a decision depends on, gathered once per pass. */
export interface Situation {
  now: number;
  service: Service;
  projection: Projection;
  /** Checking, progressing or held; one per service. */
  rollout: Rollout | null;
  /** Oldest first. */
  pending: Rollout[];
  contracts: ReadonlyMap<number, ContractVerdict>;
  /** Rule that the backend has in force. */
  inForce: { commit: string; order: number } | null;
  /** Versions that the backend has prepared. */
  prepared: readonly number[];
  /** True when the backend has heard of the service's emergency stop. */
  stopTold: boolean;
  /** Of the challenger, ended since the present step began. */
  unitsAtStep: number;
}

/** The one thing to do next. */
export type Action =
  | { do: "wait"; why: "nothing-to-do" | "watching" }
  | { do: "stop"; stop: EmergencyStop }
  | { do: "tell-stop"; version: number }
  | { do: "commit"; desired: ServiceState; subject: string; after: After }
  | { do: "end"; rolloutId: string; state: RolloutState; reason: string; sentence: string }
  | { do: "hold"; rolloutId: string; reason: HeldReason; sentence: string }
  | { do: "begin"; rolloutId: string }
  | { do: "check"; version: number; rolloutId: string | null }
  | { do: "prepare"; version: number; sha256: string }
  | { do: "route" }
  | { do: "project-aliases" }
  | { do: "remove"; version: number };

/** A step is left only when the challenger has answered this many at it: more load is a test of its own. */
const UNITS_PER_STEP = 10;

/** What to do next about one service. Pure; the first rule that applies decides. */
export function decide(situation: Situation): Action {
  return (
    stopFirst(situation) ??
    holdWhenDiverged(situation) ??
    keepComparable(situation) ??
    keepServing(situation) ??
    makeRoomForNewer(situation) ??
    goOn(situation) ??
    tidy(situation) ?? {
      do: "wait",
      why: situation.rollout && isOnTrial(situation.rollout) ? "watching" : "nothing-to-do",
    }
  );
}

/** Towards the champion, before everything else: also while held, also while Git says nothing. */
function stopFirst(situation: Situation): Action | undefined {
  const { now, service, projection, rollout, stopTold } = situation;
  if (service.stop) {
    if (!stopTold) return { do: "tell-stop", version: service.stop.version };
    if (projection.diverged !== null) return undefined;
    if (rollout && rollout.id === service.stop.rolloutId) {
      return backToChampion(service, rollout, "rolledback", service.stop.sentence);
    }
    return undefined;
  }
  if (!rollout || service.challenger !== rollout.version || !isOnTrial(rollout)) return undefined;
  const sentence = reasonToStop(situation, rollout);
  if (sentence === undefined) return undefined;
  return { do: "stop", stop: { version: rollout.version, rolloutId: rollout.id, at: now, sentence } };
}

function reasonToStop({ now, contracts }: Situation, rollout: Rollout): string | undefined {
  if (rollout.wish?.do === "rollback") {
    return `rolled back by ${rollout.wish.by}${because(rollout.wish.reason)}; ${describeEvidence(rollout)}`;
  }
  if (rollout.judgement?.verdict === "worse") return takenOut(rollout, now);
  const contract = contracts.get(rollout.version);
  // Its workers were lost (a restart, say) and can't be had again.
  if (contract && !contract.passed) {
    return `version ${rollout.version} can't be loaded any more: ${contract.message}`;
  }
  return undefined;
}

function holdWhenDiverged({ projection, rollout, service }: Situation): Action | undefined {
  if (projection.diverged === null) return undefined;
  if (!rollout || rollout.reason === "repository-diverged") return { do: "wait", why: "watching" };
  const sentence =
    `the environment repository's head ${projection.diverged.slice(0, 12)} doesn't follow from what was applied; ` +
    `\`slipway resume ${service.name}\` takes that head as the truth`;
  return { do: "hold", rolloutId: rollout.id, reason: "repository-diverged", sentence };
}

/**
 * A person's commit may give a challenger everything; then nothing is left to compare it with and no verdict would ever
 * come. It gets the share of its step instead, which is towards the champion.
 */
function keepComparable({ service, rollout }: Situation): Action | undefined {
  if (service.weight < 100 || rollout?.state !== "progressing") return undefined;
  if (service.challenger !== rollout.version) return undefined;
  const share = rollout.request.policy.steps[rollout.step] ?? 100;
  return share < 100 ? toStep(service, rollout, rollout.step, "rollout.progressing") : undefined;
}

/** What Git says is prepared and in force, and the registry shows it. */
function keepServing({ service, contracts, inForce, prepared, rollout }: Situation): Action | undefined {
  if (service.commit === null) return undefined;
  let isServable = true;
  for (const version of [service.champion, service.challenger]) {
    if (version === null) continue;
    const contract = contracts.get(version);
    if (contract && !contract.passed) isServable = false;
    else if (contract && !prepared.includes(version)) {
      return { do: "prepare", version, sha256: contract.sha256 };
    } else if (!contract) {
      // A person's push may name a version that never was on trial here: no traffic before its contract check.
      return { do: "check", version, rolloutId: rollout?.version === version ? rollout.id : null };
    }
  }
  const isOld = inForce === null ? service.champion !== null : inForce.order < service.order;
  if (isOld && isServable) return { do: "route" };
  if (service.aliasedCommit !== service.commit) return { do: "project-aliases" };
  return undefined;
}

function makeRoomForNewer({ service, rollout, pending }: Situation): Action | undefined {
  const newest = pending.at(-1);
  const [oldest] = pending;
  if (!newest || !oldest) return undefined;
  const sentence = `superseded by version ${newest.version}`;
  if (rollout) {
    if (service.challenger === rollout.version) {
      return backToChampion(service, rollout, "superseded", sentence);
    }
    return { do: "end", rolloutId: rollout.id, state: "superseded", reason: sentence, sentence };
  }
  if (oldest.id !== newest.id) {
    return { do: "end", rolloutId: oldest.id, state: "superseded", reason: sentence, sentence };
  }
  return { do: "begin", rolloutId: newest.id };
}

function goOn(situation: Situation): Action | undefined {
  const { rollout } = situation;
  if (!rollout) return undefined;
  if (rollout.state === "checking") return afterCheck(situation, rollout);
  if (rollout.state === "held" && rollout.wish?.do === "rollback") {
    const sentence = `rolled back by ${rollout.wish.by}${because(rollout.wish.reason)}`;
    return { do: "end", rolloutId: rollout.id, state: "rolledback", reason: sentence, sentence };
  }
  if (isOnTrial(rollout)) return onTrial(situation, rollout);
  return undefined;
}

function afterCheck({ service, contracts, prepared }: Situation, rollout: Rollout): Action {
  const { id, version } = rollout;
  if (rollout.wish?.do === "rollback") {
    const sentence = `rolled back by ${rollout.wish.by}${because(rollout.wish.reason)}`;
    return { do: "end", rolloutId: id, state: "rolledback", reason: sentence, sentence };
  }
  const contract = contracts.get(version);
  if (contract && !contract.passed) {
    const sentence = `version ${version} never got a request: ${contract.message}`;
    return { do: "end", rolloutId: id, state: "rolledback", reason: contract.message, sentence };
  }
  if (!contract || !prepared.includes(version)) return { do: "check", version, rolloutId: id };
  if (service.champion === version) {
    const sentence = `version ${version} is champion already`;
    return { do: "end", rolloutId: id, state: "promoted", reason: sentence, sentence };
  }
  if (service.champion === null || rollout.kind === "instant") {
    const sentence =
      service.champion === null
        ? `version ${version} is the first champion`
        : `version ${version} took the place of version ${service.champion} at once, asked by ${rollout.request.requestedBy}`;
    return promotion(service, rollout, sentence);
  }
  return toStep(service, rollout, 0, "rollout.progressing");
}

function onTrial(situation: Situation, rollout: Rollout): Action | undefined {
  const { service, now } = situation;
  const { policy } = rollout.request;
  const { wish, judgement } = rollout;
  if (wish?.do === "promote") {
    const sentence = `promoted by ${wish.by}${because(wish.reason)}; ${describeEvidence(rollout)}`;
    return promotion(service, rollout, sentence);
  }
  if (rollout.state === "held" && (rollout.reason !== "needs-approval" || rollout.approvedBy === null)) {
    return undefined;
  }
  const isLast = rollout.step >= policy.steps.length - 1;
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

/** Workers of versions that nothing names any more; only once the backend's rule no longer does either. */
function tidy({ service, rollout, prepared, inForce }: Situation): Action | undefined {
  if ((inForce?.order ?? 0) < service.order) return undefined;
  const wanted = new Set([service.champion, service.challenger, rollout?.version]);
  const left = prepared.find((version) => !wanted.has(version));
  return left === undefined ? undefined : { do: "remove", version: left };
}

function toStep(service: Service, rollout: Rollout, step: number, event: string): Action {
  const weight = rollout.request.policy.steps[step] ?? 100;
  const sentence = `version ${rollout.version} gets ${weight} % of ${service.name}'s requests`;
  const isFirst = rollout.progressingAt === null;
  const why = isFirst ? "its contract check passed" : describeEvidence(rollout);
  return {
    do: "commit",
    desired: {
      name: service.name,
      champion: service.champion ?? rollout.version,
      challenger: rollout.version,
      weight,
    },
    subject: `${service.name}: ${sentence}`,
    after: { rolloutId: rollout.id, state: "progressing", step, sentence: `${sentence}: ${why}`, event },
  };
}

function promotion(service: Service, rollout: Rollout, sentence: string): Action {
  return {
    do: "commit",
    desired: { name: service.name, champion: rollout.version, weight: 0 },
    subject: `${service.name}: promote version ${rollout.version}`,
    after: { rolloutId: rollout.id, state: "promoted", sentence, event: "rollout.promoted" },
  };
}

function backToChampion(
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

function because(reason: string): string {
  return reason === "" ? "" : `: ${reason}`;
}
