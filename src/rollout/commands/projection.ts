import type { ServiceState } from "../../git/environment.ts";
import { defineCommand, type Tx } from "../../store/database.ts";
import { selectOpenIntent, selectProjection, selectRollout, selectRollouts, selectService } from "../rows.ts";
import {
  type After,
  deadlineOf,
  type EmergencyStop,
  type Intent,
  isCopiesOnly,
  isOnTrial,
  type Service,
} from "../state.ts";
import { enqueueEvent, ensureService, subjectsOf, writeAudit } from "./common.ts";
import { previousChampion } from "./previous-champion.ts";
import { type Defaults, followNamedChallenger } from "./trial-by-commit.ts";

/** What one commit changed, as read from Git. */
export interface CommitToProject {
  commit: string;
  /** With the offset. */
  order: number;
  orderOffset: number;
  at: number;
  author: string;
  subject: string;
  /** Commit that was projected last; another one there means that this was done already. */
  previous: string | null;
  /** `rolloutId`: for the rollout that a person's commit may begin. */
  changes: { service: string; state: ServiceState | null; rolloutId: string }[];
  /** Named by the commit's trailer. */
  intentId: string | null;
  defaults: Defaults;
  now: number;
}

/**
 * Step (1) of the protocol. A service has one intent per commit it starts from: an open one that never became a
 * commit is replaced (its decision is taken anew); one whose commit is known is refused.
 */
export const recordIntent = defineCommand(
  "rollout.record-intent",
  async (tx, args: { intent: Intent; evidence: unknown; now: number }) => {
    const { intent } = args;
    const { changes } = await tx.run(
      `INSERT INTO rollout_intents (id, service, from_commit, rollout_id, desired, after_commit, evidence, state,
         created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?)
       ON CONFLICT (service, from_commit) DO UPDATE SET id = excluded.id, rollout_id = excluded.rollout_id,
         desired = excluded.desired, after_commit = excluded.after_commit, evidence = excluded.evidence,
         state = 'open', created_at = excluded.created_at
         WHERE rollout_intents.state <> 'done'`,
      [
        intent.id,
        intent.service,
        intent.fromCommit,
        intent.after.rolloutId,
        JSON.stringify(intent.desired),
        JSON.stringify(intent.after),
        JSON.stringify(args.evidence),
        args.now,
      ],
    );
    return { recorded: changes > 0 };
  },
);

/** Step (3): the head moved before the commit could be made. */
export const supersedeIntent = defineCommand("rollout.supersede-intent", async (tx, args: { id: string }) => {
  await tx.run("UPDATE rollout_intents SET state = 'superseded' WHERE id = ? AND state = 'open'", [args.id]);
});

/** Step (5): history, service, rollout and what must be told, once per commit. */
export const projectCommit = defineCommand(
  "rollout.project-commit",
  async (tx, args: CommitToProject): Promise<{ done: boolean }> => {
    const projection = await selectProjection(tx);
    if (projection.commit !== args.previous) return { done: false };
    const intent = await matchingIntent(tx, args);
    for (const change of args.changes) await projectService(tx, args, change, intent);
    if (intent) await finishIntent(tx, args, intent);
    await tx.run("UPDATE rollout_intents SET state = 'superseded' WHERE from_commit = ? AND state = 'open'", [
      args.previous ?? "",
    ]);
    await tx.run(
      "UPDATE rollout_environment SET projected_commit = ?, projected_order = ?, order_offset = ?, diverged = NULL, adopt = 0 WHERE id = 1",
      [args.commit, args.order, args.orderOffset],
    );
    return { done: true };
  },
);

/** The head isn't a descendant of what was projected: everything is held until a person says what is true. */
export const recordDivergence = defineCommand(
  "rollout.record-divergence",
  async (tx, args: { head: string }) => {
    const { changes } = await tx.run(
      "UPDATE rollout_environment SET diverged = ? WHERE id = 1 AND (diverged IS NULL OR diverged <> ?)",
      [args.head, args.head],
    );
    if (changes === 0) return;
    await enqueueEvent(tx, {
      level: "error",
      subjects: ["service/*"],
      kind: "rollout.held",
      message: `the environment repository's head ${args.head.slice(0, 12)} doesn't follow from what was applied: nothing is changed until a person resumes`,
      data: { reason: "repository-diverged" },
    });
  },
);

/**
 * The commit's own intent. A trailer alone proves nothing (a person can copy a message): the intent must be open,
 * start from the commit before this one, and ask for exactly what the commit says.
 */
async function matchingIntent(tx: Tx, args: CommitToProject): Promise<Intent | undefined> {
  const intent = args.intentId === null ? undefined : await selectOpenIntent(tx, args.intentId);
  if (!intent || intent.fromCommit !== (args.previous ?? "")) return undefined;
  return isWhatWasAsked(intent, args.changes) ? intent : undefined;
}

/** True when a commit changes one service, to the state that the intent names. */
export function isWhatWasAsked(
  intent: Pick<Intent, "service" | "desired">,
  changes: readonly { service: string; state: ServiceState | null }[],
): boolean {
  const [change, second] = changes;
  return (
    change !== undefined &&
    second === undefined &&
    change.service === intent.service &&
    change.state !== null &&
    change.state.champion === intent.desired.champion &&
    change.state.challenger === intent.desired.challenger &&
    change.state.weight === intent.desired.weight &&
    change.state.shadow === intent.desired.shadow
  );
}

async function projectService(
  tx: Tx,
  args: CommitToProject,
  { service: name, state, rolloutId }: CommitToProject["changes"][number],
  intent: Intent | undefined,
): Promise<void> {
  await ensureService(tx, name, name, undefined);
  const before = await selectService(tx, name);
  if (!before) return;
  const evidence = intent
    ? await tx.get<{ evidence: string | null }>("SELECT evidence FROM rollout_intents WHERE id = ?", [
        intent.id,
      ])
    : undefined;
  await tx.run(
    `INSERT INTO rollout_history (commit_id, service, commit_order, at, author, subject, champion, challenger, weight,
       shadow, intent_id, rollout_id, evidence, applied_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      args.commit,
      name,
      args.order,
      args.at,
      args.author,
      args.subject,
      state?.champion ?? null,
      state?.challenger ?? null,
      state?.weight ?? 0,
      state?.shadow ?? null,
      intent?.id ?? null,
      intent?.after.rolloutId ?? null,
      evidence?.evidence ?? null,
      args.now,
    ],
  );
  let stop: EmergencyStop | null = null;
  if (!intent) {
    await overruleRollouts(tx, args, name, state?.challenger);
    const { commit, author, defaults, now } = args;
    const named = { id: rolloutId, commit, who: author, defaults, now };
    if (state) stop = await followNamedChallenger(tx, before, state, named);
  }
  await updateService(tx, args, before, state, stop);
}

async function updateService(
  tx: Tx,
  args: CommitToProject,
  before: Service,
  state: ServiceState | null,
  stop: EmergencyStop | null,
): Promise<void> {
  const champion = state?.champion ?? null;
  const changed = champion !== before.champion;
  const previous = changed ? await previousChampion(tx, before.name) : before.previousChampion;
  await tx.run(
    `UPDATE rollout_services SET champion = ?, challenger = ?, weight = ?, shadow = ?, previous_champion = ?,
       commit_id = ?, commit_order = ?, stop = ? WHERE name = ?`,
    [
      champion,
      state?.challenger ?? null,
      state?.weight ?? 0,
      state?.shadow ?? null,
      previous,
      args.commit,
      args.order,
      stop === null ? null : JSON.stringify(stop),
      before.name,
    ],
  );
  if (!changed) return;
  await enqueueEvent(tx, {
    level: "info",
    subjects: [
      ...(champion === null ? [] : [`version/${before.name}/${champion}`]),
      `service/${before.name}`,
    ],
    kind: "service.champion",
    message:
      champion === null
        ? `${before.name} has no champion any more (commit ${args.commit.slice(0, 12)})`
        : `version ${champion} is champion of ${before.name} (commit ${args.commit.slice(0, 12)})`,
    data: { champion, before: before.champion, commit: args.commit },
  });
}

/** A person's push says what runs: the rollout that was on trial gives way. */
async function overruleRollouts(
  tx: Tx,
  args: CommitToProject,
  service: string,
  challenger: number | undefined,
): Promise<void> {
  const what = `commit ${args.commit.slice(0, 12)} by ${args.author}: ${args.subject}`;
  await writeAudit(tx, {
    at: args.now,
    who: args.author,
    what: "push",
    service,
    rolloutId: null,
    reason: args.subject,
  });
  const running = "service = ? AND state IN ('checking', 'progressing', 'held')";
  for (const rollout of await selectRollouts(tx, running, [service])) {
    // One that still waits for its contract check has changed nothing yet and goes on against the new champion,
    // unless the commit names a challenger of its own: one at a time is on trial.
    if (!isOnTrial(rollout) && challenger === undefined) continue;
    await tx.run(
      "UPDATE rollouts SET state = 'superseded', reason = ?, sentence = ?, ended_at = ? WHERE id = ?",
      [what, `superseded by ${what}`, args.now, rollout.id],
    );
    await enqueueEvent(tx, {
      level: "warn",
      subjects: subjectsOf(rollout),
      kind: "rollout.superseded",
      message: `superseded by ${what}`,
      data: { commit: args.commit },
    });
  }
}

async function finishIntent(tx: Tx, args: CommitToProject, intent: Intent): Promise<void> {
  await tx.run("UPDATE rollout_intents SET state = 'done' WHERE id = ?", [intent.id]);
  const { after, desired } = intent;
  const rollout = await selectRollout(tx, after.rolloutId);
  if (!rollout || rollout.endedAt !== null) return;
  const { policy, serving } = rollout.request;
  const begins = after.state === "progressing" && rollout.progressingAt === null;
  const phase = after.phase ?? rollout.phase;
  const isNewPhase = phase !== rollout.phase;
  // The yes to go on from copies isn't the one that a canary's promotion may need.
  const isYesSpent = isCopiesOnly(rollout) && phase === "steps";
  const ended = after.state === "progressing" || after.state === "held" ? null : args.now;
  await tx.run(
    `UPDATE rollouts SET state = ?, phase = ?, phase_at = ?, step = ?, reason = ?, sentence = ?, ended_at = ?,
       wish = NULL, held_from = NULL, champion = COALESCE(champion, ?),
       progressing_at = COALESCE(progressing_at, ?), deadline_at = ?, approved_by = ? WHERE id = ?`,
    [
      after.state,
      phase,
      isNewPhase ? args.now : rollout.phaseAt,
      after.step ?? rollout.step,
      after.reason ?? null,
      after.sentence,
      ended,
      begins ? desired.champion : null,
      begins ? args.now : null,
      isNewPhase ? deadlineOf(policy, phase, args.now) : rollout.deadlineAt,
      isYesSpent ? null : rollout.approvedBy,
      rollout.id,
    ],
  );
  if (after.state === "progressing" && desired.challenger !== undefined) {
    await tx.run("INSERT INTO rollout_epochs (commit_id, service, rollout_id, shadow) VALUES (?, ?, ?, ?)", [
      args.commit,
      intent.service,
      rollout.id,
      desired.shadow ?? null,
    ]);
  }
  if (after.state === "promoted") {
    await tx.run("UPDATE rollout_services SET project = ?, serving = ?, policy = ? WHERE name = ?", [
      rollout.request.project,
      JSON.stringify(serving),
      JSON.stringify(policy),
      intent.service,
    ]);
  }
  await tellOutcome(tx, args, rollout.id, after);
}

async function tellOutcome(tx: Tx, args: CommitToProject, rolloutId: string, after: After): Promise<void> {
  const rollout = await selectRollout(tx, rolloutId);
  if (!rollout) return;
  await enqueueEvent(tx, {
    level: after.state === "rolledback" ? "error" : "info",
    subjects: subjectsOf(rollout),
    kind: after.event,
    message: after.sentence,
    data: { commit: args.commit, state: after.state, step: after.step ?? rollout.step },
  });
  await writeAudit(tx, {
    at: args.now,
    who: args.author,
    what: after.event,
    service: rollout.service,
    rolloutId,
    reason: after.sentence,
  });
}

/** The registry's aliases now show what this commit says. */
export const recordAliases = defineCommand(
  "rollout.record-aliases",
  async (tx, args: { service: string; commit: string }) => {
    await tx.run("UPDATE rollout_services SET aliased_commit = ? WHERE name = ?", [
      args.commit,
      args.service,
    ]);
  },
);
