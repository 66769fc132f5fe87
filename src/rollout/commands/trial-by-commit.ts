import type { ServiceState } from "../../git/environment.ts";
import type { RolloutPolicy, ServingSpec } from "../../spec/project.ts";
import type { Tx } from "../../store/database.ts";
import type { RolloutRequest } from "../request.ts";
import { whose } from "../sentences.ts";
import {
  deadlineOf,
  type EmergencyStop,
  type RolloutKind,
  type RolloutPhase,
  type Service,
} from "../state.ts";
import { enqueueEvent, nextSeq, subjectsOf } from "./common.ts";

/** For services that no project has described yet. */
export interface Defaults {
  policy: RolloutPolicy;
  serving: ServingSpec;
}

/** A challenger that Git names and no rollout judges. */
export interface NamedChallenger {
  /** Of the rollout to be made. */
  id: string;
  service: Service;
  version: number;
  /** Per cent of the requests that Git gives it. */
  weight: number;
  /** Per cent of the requests that Git copies to it; null: none. */
  shadow: number | null;
  /** Champion it is compared with; null when it is only to be taken out, so that no older evidence is told again. */
  champion: number | null;
  /** Commit that named it. */
  commit: string;
  /** Who named it, or asked for what is to be done about it. */
  who: string;
  sentence: string;
  defaults: Defaults;
  now: number;
}

/**
 * True for the commit that a revert of a promotion makes: a champion of before is back, and the one that was promoted
 * in its place is a challenger again, with the share of its last step. With a champion that never was one before it is
 * no revert but a trial of the old one against it.
 */
async function isRevertedPromotion(
  tx: Tx,
  before: Service,
  state: ServiceState,
  commit: string,
): Promise<boolean> {
  if (before.champion !== state.challenger || before.champion === state.champion) return false;
  const earlier = await tx.get<{ commit_id: string }>(
    "SELECT commit_id FROM rollout_history WHERE service = ? AND champion = ? AND commit_id <> ? LIMIT 1",
    [before.name, state.champion, commit],
  );
  return earlier !== undefined;
}

/**
 * What follows from a challenger that a person's commit names, in the transaction that learns of the commit: the
 * version of a reverted promotion is stopped before serve is given its share, and a follow-up commit takes it out; any
 * other one with a share is on trial from this commit on. Answers the stop to keep with the service.
 */
export async function followNamedChallenger(
  tx: Tx,
  before: Service,
  state: ServiceState,
  named: Pick<NamedChallenger, "id" | "commit" | "who" | "defaults" | "now">,
): Promise<EmergencyStop | null> {
  const { challenger: version, weight, shadow = null } = state;
  if (version === undefined || version === state.champion) return null;
  const challenger = { ...named, service: before, version, weight, shadow };
  if (await isRevertedPromotion(tx, before, state, named.commit)) {
    const sentence = `the promotion of version ${version} was reverted by ${named.who}`;
    await startTrial(tx, { ...challenger, champion: null, sentence });
    return { version, rolloutId: named.id, at: named.now, sentence };
  }
  if (weight <= 0 && shadow === null) return null;
  const gets = shadow === null ? `${weight} % of` : `copies of ${shadow} % of`;
  const sentence = `version ${version} gets ${gets} ${whose(before.name)} requests, as ${named.who} pushed`;
  await startTrial(tx, { ...challenger, champion: state.champion, sentence });
  return null;
}

/** Writes a rollout that is on trial already: what ends under the commit counts from the first request on. */
export async function startTrial(tx: Tx, named: NamedChallenger): Promise<void> {
  const { id, service, version, weight, shadow, champion, commit, sentence, now } = named;
  const policy = service.policy ?? named.defaults.policy;
  const { kind, phase } = trialOf(policy, weight, shadow);
  const request: RolloutRequest = {
    key: id,
    project: service.project,
    commit: "",
    model: service.name,
    version,
    policy,
    serving: service.serving ?? named.defaults.serving,
    requestedBy: named.who,
  };
  await tx.run(
    `INSERT INTO rollouts (id, seq, request_key, service, version, kind, state, sentence, phase, phase_at, step, request,
       champion, look, labels_cursor, created_at, progressing_at, deadline_at)
     VALUES (?, ?, ?, ?, ?, ?, 'progressing', ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?)`,
    [
      id,
      await nextSeq(tx, "rollouts"),
      request.key,
      service.name,
      version,
      kind,
      sentence,
      phase,
      now,
      shadow === null ? stepOf(policy, weight) : 0,
      JSON.stringify(request),
      champion,
      now,
      now,
      deadlineOf(policy, phase, now),
    ],
  );
  await tx.run(
    `INSERT INTO rollout_epochs (commit_id, service, rollout_id, shadow) VALUES (?, ?, ?, ?)
     ON CONFLICT (commit_id, service) DO NOTHING`,
    [commit, service.name, id, shadow],
  );
  await enqueueEvent(tx, {
    level: champion === null ? "warn" : "info",
    subjects: subjectsOf({ id, service: service.name, version, request }),
    kind: "rollout.progressing",
    message: sentence,
    data: { commit },
  });
}

/**
 * What a person's commit begins: with a share a canary, whatever the project says; with everything, where the project
 * knows no steps, a switch that is watched; after copies what the project says.
 */
function trialOf(
  policy: RolloutPolicy,
  weight: number,
  shadow: number | null,
): { kind: RolloutKind; phase: RolloutPhase } {
  if (shadow !== null) return { kind: policy.kind, phase: "shadow" };
  if (weight >= 100 && policy.kind !== "canary") return { kind: "blue-green", phase: "switched" };
  return { kind: "canary", phase: "steps" };
}

/** The policy's step with that share, or the next lower one; the first when all are higher. */
function stepOf({ steps }: RolloutPolicy, weight: number): number {
  return Math.max(
    0,
    steps.findLastIndex((share) => share <= weight),
  );
}
