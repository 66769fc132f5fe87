import { act, type ToldStops } from "./act.ts";
import { badAnswersOf } from "./bad-answers.ts";
import { failedSince } from "./since-switch.ts";
import { decide } from "./decide.ts";
import type { RolloutDeps } from "./deps.ts";
import type { Interrupts } from "./interrupts.ts";
import { takeLook } from "./look.ts";
import { isWatchOver } from "./on-trial.ts";
import type { Projector } from "./projector.ts";
import { selectContracts, selectRollouts, selectService } from "./rows.ts";
import type { Action, Situation } from "./situation.ts";
import { isOnTrial, type Projection, type Rollout } from "./state.ts";
import type { StoredJudge } from "./stored-judge.ts";

export interface PassDeps<State> {
  deps: RolloutDeps;
  judge: StoredJudge<State>;
  projector: Projector;
  ingest: () => Promise<void>;
  told: ToldStops;
  interrupts: Interrupts;
}

/** One pass over one service: gather, decide, act. Answers what was done; `wait` when nothing was. */
export async function passOnce<State>(
  context: PassDeps<State>,
  name: string,
  signal: AbortSignal,
): Promise<Action | undefined> {
  const { deps, interrupts } = context;
  const mark = interrupts.mark(name);
  const projection = await context.projector.project();
  const running = await readRunning(deps, name);
  if (running && isOnTrial(running)) {
    const usesLabels = running.request.policy.metrics.some((metric) => "from" in metric);
    if (usesLabels) await context.ingest();
    await takeLook(deps, context.judge, running);
  }
  const situation = await gather(context, name, projection);
  if (!situation) return undefined;
  const action = decide(situation);
  try {
    await act({ deps, situation, told: context.told, interrupts, mark, signal }, action);
  } finally {
    // Also when it failed: the commit may have been made all the same.
    if (action.do === "commit") context.projector.headMayHaveMoved();
  }
  return action;
}

async function readRunning({ db }: RolloutDeps, service: string): Promise<Rollout | undefined> {
  const condition = "service = ? AND state IN ('checking', 'progressing', 'held')";
  return (await db.read((tx) => selectRollouts(tx, condition, [service], "DESC", 1)))[0];
}

/** Bad answers are told when a challenger is taken out, and cost a walk over its labels. */
function mayBeStopped({ judgement, wish }: Rollout): boolean {
  return judgement?.verdict === "worse" || (judgement?.guard ?? null) !== null || wish !== null;
}

async function gather<State>(
  { deps, judge, told }: PassDeps<State>,
  name: string,
  projection: Projection,
): Promise<Situation | undefined> {
  const { rules, variants } = await deps.backend.state();
  const now = deps.clock.now();
  const known = await deps.db.read(async (tx) => {
    const service = await selectService(tx, name);
    const active = "service = ? AND state IN ('checking', 'progressing', 'held')";
    const [rollout] = await selectRollouts(tx, active, [name], "DESC", 1);
    const pending = await selectRollouts(tx, "service = ? AND state = 'pending'", [name]);
    const units = await tx.get<{ units: number | null }>(
      `SELECT SUM(finished) AS units FROM rollout_cursors
       WHERE rollout_id = ? AND epoch = ? AND arm = 'challenger'`,
      [rollout?.id ?? "", service?.commit ?? ""],
    );
    return {
      service,
      rollout: rollout ?? null,
      pending,
      contracts: await selectContracts(tx, name),
      unitsAtStep: Number(units?.units ?? 0),
      badAnswers: rollout && mayBeStopped(rollout) ? await badAnswersOf(tx, rollout.id) : 0,
      sinceSwitch:
        rollout && isWatchOver(rollout, now) ? await failedSince(tx, judge, rollout, service?.commit) : null,
    };
  });
  const { service } = known;
  if (!service) return undefined;
  const rule = rules.find((rule) => rule.service === name);
  return {
    ...known,
    service,
    now,
    projection,
    inForce: rule ? { commit: rule.commit, order: rule.order } : null,
    prepared: variants.filter((variant) => variant.service === name).map((variant) => variant.version),
    stopTold: told.get(name) === `${service.commit}/${service.stop?.version}`,
  };
}
