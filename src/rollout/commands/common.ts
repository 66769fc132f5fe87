import type { SlipwayEvent } from "../../base/events.ts";
import { DEFAULT_TENANT } from "../../http/identity.ts";
import type { Tx } from "../../store/database.ts";
import { ownerOfService, takeService } from "../service-owners.ts";
import type { Rollout } from "../state.ts";

export type NewEvent = Omit<SlipwayEvent, "id" | "at">;

/** Everything that people may look for when something happens to a rollout. */
export function subjectsOf(rollout: Pick<Rollout, "id" | "service" | "version" | "request">): string[] {
  const { pipelineRunId, project } = rollout.request;
  return [
    `rollout/${rollout.id}`,
    ...(pipelineRunId === undefined ? [] : [`pipeline-run/${pipelineRunId}`]),
    `version/${rollout.service}/${rollout.version}`,
    `service/${rollout.service}`,
    `project/${project}`,
  ];
}

/** The event is told in the same transaction as what it tells of, and published after it. */
export async function enqueueEvent(tx: Tx, event: NewEvent): Promise<void> {
  await tx.run("INSERT INTO rollout_outbox (seq, event) VALUES (?, ?)", [
    await nextSeq(tx, "rollout_outbox"),
    JSON.stringify(event),
  ]);
}

export async function nextSeq(
  tx: Tx,
  table: "rollout_outbox" | "rollout_audit" | "rollouts",
): Promise<number> {
  const row = await tx.get<{ last: number | null }>(`SELECT MAX(seq) AS last FROM ${table}`);
  return Number(row?.last ?? 0) + 1;
}

export interface AuditEntry {
  at: number;
  who: string;
  what: string;
  service: string;
  rolloutId: string | null;
  reason: string;
}

export async function writeAudit(tx: Tx, entry: AuditEntry): Promise<void> {
  await tx.run(
    "INSERT INTO rollout_audit (seq, at, who, what, service, rollout_id, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [
      await nextSeq(tx, "rollout_audit"),
      entry.at,
      entry.who,
      entry.what,
      entry.service,
      entry.rolloutId,
      entry.reason,
    ],
  );
}

/**
 * A service exists from the first request or commit that names it. `tenant`: whose it is or becomes, NAME_TAKEN when it is
 * another's; undefined: whoever has it, else the default one's.
 */
export async function ensureService(
  tx: Tx,
  name: string,
  project: string,
  tenant: string | undefined,
): Promise<void> {
  const owner = tenant ?? (await ownerOfService(tx, name)) ?? DEFAULT_TENANT;
  await takeService(tx, { service: name, tenant: owner });
  await tx.run(
    `INSERT INTO rollout_services (name, project, weight, commit_order) VALUES (?, ?, 0, 0)
     ON CONFLICT (name) DO NOTHING`,
    [name, project],
  );
}
