import { DEFAULT_TENANT } from "../../http/identity.ts";
import { defineCommand } from "../../store/database.ts";
import type { RolloutRequest } from "../request.ts";
import { selectRollout } from "../rows.ts";
import type { ContractVerdict, EmergencyStop, HeldReason, RolloutKind, RolloutState } from "../state.ts";
import { enqueueEvent, ensureService, nextSeq, subjectsOf } from "./common.ts";

/** Writes a request once; a repeat of its key answers the rollout that it made. */
export const requestRollout = defineCommand(
  "rollout.request",
  async (tx, args: { id: string; kind: RolloutKind; request: RolloutRequest; now: number }) => {
    const { request } = args;
    const known = await tx.get<{ id: string }>("SELECT id FROM rollouts WHERE request_key = ?", [
      request.key,
    ]);
    if (known) return { rolloutId: known.id };
    await ensureService(tx, request.model, request.project, request.tenant ?? DEFAULT_TENANT);
    await tx.run(
      `INSERT INTO rollouts (id, seq, request_key, service, version, kind, state, step, request, look,
        labels_cursor, created_at) VALUES (?, ?, ?, ?, ?, ?, 'pending', 0, ?, 0, 0, ?)`,
      [
        args.id,
        await nextSeq(tx, "rollouts"),
        request.key,
        request.model,
        request.version,
        args.kind,
        JSON.stringify(request),
        args.now,
      ],
    );
    return { rolloutId: args.id };
  },
);

/** Moves a pending rollout to its contract check; an earlier verdict on the version is forgotten. */
export const beginChecking = defineCommand("rollout.begin-checking", async (tx, args: { id: string }) => {
  const rollout = await selectRollout(tx, args.id);
  if (rollout?.state !== "pending") return;
  await tx.run("DELETE FROM rollout_contracts WHERE service = ? AND version = ? AND passed = 0", [
    rollout.service,
    rollout.version,
  ]);
  await tx.run("UPDATE rollouts SET state = 'checking' WHERE id = ?", [args.id]);
  await enqueueEvent(tx, {
    level: "info",
    subjects: subjectsOf(rollout),
    kind: "rollout.checking",
    message: `version ${rollout.version} of ${rollout.service} is loaded where it will serve and asked its own example`,
  });
});

/** Stores what the contract check found. */
export const recordContract = defineCommand(
  "rollout.record-contract",
  async (tx, args: { service: string; rolloutId: string | null; verdict: ContractVerdict; now: number }) => {
    const { service, verdict } = args;
    await tx.run(
      `INSERT INTO rollout_contracts (service, version, passed, message, model_dir, at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (service, version) DO UPDATE SET passed = excluded.passed, message = excluded.message,
         model_dir = excluded.model_dir, at = excluded.at`,
      [service, verdict.version, verdict.passed ? 1 : 0, verdict.message, verdict.sha256, args.now],
    );
    const rollout = args.rolloutId === null ? undefined : await selectRollout(tx, args.rolloutId);
    await enqueueEvent(tx, {
      level: verdict.passed ? "info" : "error",
      subjects: rollout
        ? subjectsOf(rollout)
        : [`version/${service}/${verdict.version}`, `service/${service}`],
      kind: verdict.passed ? "rollout.contract-passed" : "rollout.contract-failed",
      message: verdict.message,
    });
  },
);

/** Ends a rollout that has no traffic, so that no commit is needed. */
export const endRollout = defineCommand(
  "rollout.end",
  async (tx, args: { id: string; state: RolloutState; reason: string; sentence: string; now: number }) => {
    const rollout = await selectRollout(tx, args.id);
    if (!rollout || rollout.endedAt !== null) return;
    await tx.run(
      "UPDATE rollouts SET state = ?, reason = ?, sentence = ?, wish = NULL, ended_at = ? WHERE id = ?",
      [args.state, args.reason, args.sentence, args.now, args.id],
    );
    await enqueueEvent(tx, {
      level: args.state === "rolledback" ? "error" : "info",
      subjects: subjectsOf(rollout),
      kind: `rollout.${args.state}`,
      message: args.sentence,
    });
  },
);

/** Holds a running rollout where it is. */
export const holdRollout = defineCommand(
  "rollout.hold",
  async (tx, args: { id: string; reason: HeldReason; sentence: string }) => {
    const rollout = await selectRollout(tx, args.id);
    if (!rollout || rollout.endedAt !== null) return;
    const from = rollout.state === "held" ? rollout.heldFrom : rollout.state;
    await tx.run("UPDATE rollouts SET state = 'held', held_from = ?, reason = ?, sentence = ? WHERE id = ?", [
      from,
      args.reason,
      args.sentence,
      args.id,
    ]);
    await enqueueEvent(tx, {
      level: "warn",
      subjects: subjectsOf(rollout),
      kind: "rollout.held",
      message: args.sentence,
      data: { reason: args.reason },
    });
  },
);

/** Makes the emergency stop durable before it takes effect. The first one of a challenger stays. */
export const recordStop = defineCommand(
  "rollout.record-stop",
  async (tx, args: { service: string; stop: EmergencyStop }) => {
    const { changes } = await tx.run(
      "UPDATE rollout_services SET stop = ? WHERE name = ? AND challenger = ? AND stop IS NULL",
      [JSON.stringify(args.stop), args.service, args.stop.version],
    );
    return { recorded: changes > 0 };
  },
);

/** What a service is stuck at; null when it goes on. */
export const recordProblem = defineCommand(
  "rollout.record-problem",
  async (tx, args: { service: string; problem: string | null }) => {
    await tx.run("UPDATE rollout_services SET problem = ? WHERE name = ?", [args.problem, args.service]);
  },
);

/** Events that were published leave the outbox. */
export const clearOutbox = defineCommand("rollout.clear-outbox", async (tx, args: { upTo: number }) => {
  await tx.run("DELETE FROM rollout_outbox WHERE seq <= ?", [args.upTo]);
});
