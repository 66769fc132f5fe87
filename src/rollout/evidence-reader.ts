import type { Clock } from "../base/clock.ts";
import type { Database, ReadTx } from "../store/database.ts";
import { badAnswersOf } from "./bad-answers.ts";
import { selectEvidence } from "./commands/evidence-points.ts";
import { buildEvidence } from "./evidence-builder.ts";
import { notesFor } from "./evidence-notes.ts";
import type { RolloutEvidence } from "./evidence.ts";
import { outlookOf, trafficOf } from "./outlook.ts";
import {
  selectProjection,
  selectRollout,
  selectRolloutOf,
  selectRollouts,
  selectService,
  selectServiceOf,
} from "./rows.ts";
import { isOnTrial, type Rollout } from "./state.ts";
import type { Traffic } from "./statistics/forecast.ts";
import { changeSentences } from "./statistics/what-would-change.ts";

export interface EvidenceReaderDeps {
  db: Database;
  clock: Pick<Clock, "now">;
  /** Of a service, for a rollout that has seen too little of its own yet; undefined: not known. */
  traffic?: (service: string) => Traffic | undefined;
}

/** Reads the evidence of rollouts. */
export interface EvidenceReader {
  /** Whether the service, or the service of the rollout, is that tenant's. */
  isOf(tenant: string, what: { service: string } | { rollout: string }): Promise<boolean>;
  /** Of the running rollout of a service, or the last one; null: none yet; undefined: no such service. */
  ofService(service: string): Promise<RolloutEvidence | null | undefined>;
  /** Undefined: no such rollout. */
  ofRollout(id: string): Promise<RolloutEvidence | undefined>;
  /** Changes whenever the evidence of a service may have changed; undefined: no such service. */
  mark(service: string): Promise<string | undefined>;
}

export function createEvidenceReader(deps: EvidenceReaderDeps): EvidenceReader {
  return {
    isOf: (tenant, what) =>
      deps.db.read(async (tx) => {
        const found =
          "service" in what
            ? await selectServiceOf(tx, tenant, what.service)
            : await selectRolloutOf(tx, tenant, what.rollout);
        return found !== undefined;
      }),
    ofService: (name) =>
      deps.db.read(async (tx) => {
        if (!(await selectService(tx, name))) return undefined;
        const rollout = await currentRollout(tx, name);
        return rollout ? evidenceOf(tx, deps, rollout) : null;
      }),
    ofRollout: (id) =>
      deps.db.read(async (tx) => {
        const rollout = await selectRollout(tx, id);
        return rollout && evidenceOf(tx, deps, rollout);
      }),
    mark: (name) =>
      deps.db.read(async (tx) => {
        const service = await selectService(tx, name);
        if (!service) return undefined;
        const rollout = await currentRollout(tx, name);
        const { diverged } = await selectProjection(tx);
        const { request: _, judgement: _judgement, ...rest } = rollout ?? { request: null, judgement: null };
        return JSON.stringify([rest, service.commit, service.stop, service.problem, diverged]);
      }),
  };
}

const RUNNING = "service = ? AND state IN ('checking', 'progressing', 'held')";

async function currentRollout(tx: ReadTx, service: string): Promise<Rollout | undefined> {
  const [running] = await selectRollouts(tx, RUNNING, [service], "DESC", 1);
  return running ?? (await selectRollouts(tx, "service = ?", [service], "DESC", 1))[0];
}

async function evidenceOf(
  tx: ReadTx,
  { clock, traffic }: EvidenceReaderDeps,
  rollout: Rollout,
): Promise<RolloutEvidence> {
  const now = clock.now();
  const service = await selectService(tx, rollout.service);
  if (!service) throw new Error(`rollout ${rollout.id} has no service`);
  const kept = await selectEvidence(tx, rollout.id);
  const { diverged } = await selectProjection(tx);
  const evidence = buildEvidence({
    rollout,
    service,
    kept,
    // Labels go after some days, and with them what they said.
    badAnswers: Math.max(kept?.badAnswers ?? 0, await badAnswersOf(tx, rollout.id)),
    isDiverged: diverged !== null,
    change: [],
    outlook: [],
    notes: await notesFor(tx, rollout),
    now,
  });
  if (!isOnTrial(rollout)) return evidence;
  const state = await tx.get<{ judge_state: string | null }>(
    "SELECT judge_state FROM rollouts WHERE id = ?",
    [rollout.id],
  );
  const judgeState = JSON.parse(state?.judge_state ?? "null") as unknown;
  return {
    ...evidence,
    change: changeOf(rollout, judgeState),
    outlook: outlookOf(rollout, trafficOf(rollout, evidence, now) ?? traffic?.(rollout.service), now),
  };
}

/** Of a version that is stopped already, or that nothing is compared with, nothing would change anything. */
function changeOf(rollout: Rollout, judgeState: unknown): string[] {
  const compares = rollout.phase === "shadow" || rollout.kind === "canary";
  if (!compares || rollout.judgement?.verdict === "worse") return [];
  const names = {
    challenger: `version ${rollout.version}`,
    champion: rollout.champion === null ? "the champion" : `version ${rollout.champion}`,
  };
  return changeSentences(judgeState, rollout.request.policy, rollout.step, names, {
    isShadow: rollout.phase === "shadow",
    isHeld: rollout.state === "held",
    isApproved: rollout.approvedBy !== null,
  });
}
