import { backToChampion, toStep } from "./moves.ts";
import { beginTrial, isApproved, onTrial } from "./on-trial.ts";
import { because, describeEvidence, stoppedByGuard, takenOut } from "./sentences.ts";
import type { Action, Situation } from "./situation.ts";
import { isOnTrial, type Rollout } from "./state.ts";

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

function reasonToStop({ now, contracts, badAnswers }: Situation, rollout: Rollout): string | undefined {
  if (rollout.wish?.do === "rollback") {
    return `rolled back by ${rollout.wish.by}${because(rollout.wish.reason)}; ${describeEvidence(rollout)}`;
  }
  const { verdict, blamed, guard } = rollout.judgement ?? { guard: null };
  // The guard's finding is the reason only where no test blames a metric: that has a declared rate.
  if (guard && (blamed ?? null) === null) return stoppedByGuard(rollout, guard, now, badAnswers);
  if (verdict === "worse") return takenOut(rollout, now, badAnswers);
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
  if (service.weight < 100 || rollout?.state !== "progressing" || rollout.phase === "switched")
    return undefined;
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
  if (rollout.state === "held" && rollout.wish?.do === "rollback") return endByWish(rollout, rollout.wish);
  if (isOnTrial(rollout)) return onTrial(situation, rollout);
  return isApproved(rollout) ? afterCheck(situation, rollout) : undefined;
}

function afterCheck(situation: Situation, rollout: Rollout): Action {
  const { service, contracts, prepared } = situation;
  const { id, version } = rollout;
  if (rollout.wish?.do === "rollback") return endByWish(rollout, rollout.wish);
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
  return beginTrial(situation, rollout);
}

function endByWish({ id }: Rollout, { by, reason }: NonNullable<Rollout["wish"]>): Action {
  const sentence = `rolled back by ${by}${because(reason)}`;
  return { do: "end", rolloutId: id, state: "rolledback", reason: sentence, sentence };
}

/** Workers of versions that nothing names any more; only once the backend's rule no longer does either. */
function tidy({ service, rollout, prepared, inForce }: Situation): Action | undefined {
  if ((inForce?.order ?? 0) < service.order) return undefined;
  const wanted = new Set([service.champion, service.challenger, rollout?.version]);
  const left = prepared.find((version) => !wanted.has(version));
  return left === undefined ? undefined : { do: "remove", version: left };
}
