import { SlipwayError } from "../../http/errors.ts";
import { defineCommand, type Tx } from "../../store/database.ts";
import { selectProjection, selectRollout, selectRollouts, selectService } from "../rows.ts";
import { isCopiesOnly, isOnTrial, type Rollout, type Service } from "../state.ts";
import { enqueueEvent, subjectsOf, writeAudit } from "./common.ts";
import { type Defaults, startTrial } from "./trial-by-commit.ts";

/** What a person does, why, and who it is. `held` counts from the deadline's start when resumed. */
export interface ByHand {
  service: string;
  do: "promote" | "rollback" | "hold" | "resume" | "approve";
  who: string;
  /** Roles of the person; "all" where nobody is told apart. */
  roles: readonly string[] | "all";
  reason: string;
  /** For the rollout that takes out a challenger which has none. */
  rolloutId: string;
  defaults: Defaults;
  now: number;
}

/**
 * Acts on the service's running rollout. A rollback without one takes out the challenger that Git names; only when
 * there is none either it answers `champion: true`: then the champion itself is to go back to the one before. A `note` says
 * why nothing was done; CONFLICT and NOT_FOUND say why it can't be.
 */
export const actByHand = defineCommand("rollout.by-hand", async (tx, args: ByHand) => {
  const service = await selectService(tx, args.service);
  if (!service) throw new SlipwayError("NOT_FOUND", `there is no service ${args.service}`);
  const [running] = await selectRollouts(
    tx,
    "service = ? AND state IN ('checking', 'progressing', 'held')",
    [args.service],
    "DESC",
    1,
  );
  const rollout = running ?? (args.do === "rollback" ? await rolloutOfNamed(tx, args, service) : undefined);
  await writeAudit(tx, {
    at: args.now,
    who: args.who,
    what: args.do,
    service: args.service,
    rolloutId: rollout?.id ?? null,
    reason: args.reason,
  });
  if (args.do === "resume" && (await selectProjection(tx)).diverged !== null) {
    await tx.run("UPDATE rollout_environment SET adopt = 1 WHERE id = 1");
    return { rolloutId: rollout?.id ?? null, champion: false };
  }
  if (!rollout) {
    if (args.do === "rollback") return { rolloutId: null, champion: true };
    throw new SlipwayError("ROLLOUT_NOT_RUNNING", `no rollout of ${args.service} is running`);
  }
  const note = await ACTS[args.do](tx, args, rollout);
  return { rolloutId: rollout.id, champion: false, ...(note === undefined ? {} : { note }) };
});

/** A challenger in Git without a rollout gets one, so that it is taken out as any other. */
async function rolloutOfNamed(tx: Tx, args: ByHand, service: Service): Promise<Rollout | undefined> {
  if (service.challenger === null || service.commit === null) return undefined;
  const { rolloutId: id, who, defaults, now } = args;
  const { challenger: version, weight, shadow, commit } = service;
  const sentence = `version ${version} had no rollout when ${who} asked to take it out`;
  await startTrial(tx, {
    id,
    service,
    version,
    weight,
    shadow,
    champion: null,
    commit,
    who,
    sentence,
    defaults,
    now,
  });
  return selectRollout(tx, id);
}

/** What each does; a note says why it did nothing. */
const ACTS: Record<ByHand["do"], (tx: Tx, args: ByHand, rollout: Rollout) => Promise<string | undefined>> = {
  async promote(tx, args, rollout) {
    if (!isOnTrial(rollout)) {
      const isAsked = rollout.reason === "needs-approval";
      throw notYet(
        rollout,
        isAsked ? "it waits for `slipway approve`" : "its contract check hasn't passed yet",
      );
    }
    const { approval } = rollout.request.policy;
    if (approval !== "none" && rollout.approvedBy === null) requireRole(args, approval);
    return wish(tx, rollout, { do: "promote", by: args.who, reason: args.reason });
  },
  async rollback(tx, args, rollout) {
    return wish(tx, rollout, { do: "rollback", by: args.who, reason: args.reason });
  },
  async hold(tx, args, rollout) {
    if (rollout.state === "held") {
      const kept = args.reason === "" ? "" : "; the new reason is kept in the audit only";
      return `it is held already (${rollout.reason ?? "by-hand"})${kept}`;
    }
    const sentence = `held by ${args.who}${args.reason === "" ? "" : `: ${args.reason}`}`;
    await tx.run(
      "UPDATE rollouts SET state = 'held', held_from = ?, reason = 'by-hand', sentence = ? WHERE id = ?",
      [rollout.state, sentence, rollout.id],
    );
    await enqueueEvent(tx, {
      level: "warn",
      subjects: subjectsOf(rollout),
      kind: "rollout.held",
      message: sentence,
      data: { reason: "by-hand" },
    });
    return undefined;
  },
  async resume(tx, args, rollout) {
    if (rollout.state !== "held") throw notYet(rollout, "it isn't held");
    await tx.run(
      `UPDATE rollouts SET state = held_from, held_from = NULL, reason = NULL, sentence = ?,
         deadline_at = CASE WHEN deadline_at IS NULL THEN NULL ELSE ? END WHERE id = ?`,
      [`resumed by ${args.who}`, args.now + rollout.request.policy.deadline, rollout.id],
    );
    return undefined;
  },
  async approve(tx, args, rollout) {
    const { approval } = rollout.request.policy;
    if (approval !== "none") requireRole(args, approval);
    else if (!isCopiesOnly(rollout)) throw notYet(rollout, "its project asks for no approval");
    await tx.run("UPDATE rollouts SET approved_by = ? WHERE id = ?", [args.who, rollout.id]);
    return undefined;
  },
};

async function wish(tx: Tx, rollout: Rollout, value: NonNullable<Rollout["wish"]>): Promise<undefined> {
  await tx.run("UPDATE rollouts SET wish = ? WHERE id = ?", [JSON.stringify(value), rollout.id]);
}

function requireRole({ who, roles }: ByHand, role: string): void {
  if (roles === "all" || roles.includes(role)) return;
  throw new SlipwayError("ROLLOUT_ROLE_REQUIRED", `${who} doesn't have the role ${role}`, { allowed: role });
}

function notYet(rollout: Rollout, why: string): SlipwayError {
  return new SlipwayError(
    "ROLLOUT_NOT_RUNNING",
    `the rollout of version ${rollout.version} of ${rollout.service} is ${rollout.state}: ${why}`,
  );
}
