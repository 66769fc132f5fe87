import { basename } from "node:path";
import type { ReadTx } from "../store/database.ts";
import { ofTenant } from "./service-owners.ts";
import type { ContractVerdict, Intent, Projection, Rollout, Service } from "./state.ts";
import { completeJudgement, type StoredJudgement } from "./stored-judgement.ts";
import { completePolicy, type StoredPolicy } from "./stored-policy.ts";

interface RolloutRow {
  id: string;
  request_key: string;
  service: string;
  version: number;
  kind: Rollout["kind"];
  state: Rollout["state"];
  reason: string | null;
  sentence: string | null;
  phase: Rollout["phase"];
  phase_at: number | null;
  step: number;
  request: string;
  champion: number | null;
  held_from: Rollout["heldFrom"];
  wish: string | null;
  approved_by: string | null;
  judgement: string | null;
  look: number;
  continues: string | null;
  created_at: number;
  progressing_at: number | null;
  deadline_at: number | null;
  ended_at: number | null;
}

interface ServiceRow {
  name: string;
  workspace: string;
  project: string;
  champion: number | null;
  challenger: number | null;
  weight: number;
  shadow: number | null;
  previous_champion: number | null;
  commit_id: string | null;
  commit_order: number;
  aliased_commit: string | null;
  serving: string | null;
  policy: string | null;
  stop: string | null;
  problem: string | null;
}

/** Every column but the judge's state, which only a look needs. */
const ROLLOUT_COLUMNS = `id, request_key, service, version, kind, state, reason, sentence, phase, phase_at, step,
  request, champion, held_from, wish, approved_by, judgement, look, continues, created_at, progressing_at,
  deadline_at, ended_at`;

/** Rollouts that fulfil a condition, by age. */
export async function selectRollouts(
  tx: ReadTx,
  condition: string,
  params: readonly (string | number)[],
  order: "ASC" | "DESC" = "ASC",
  limit = 1000,
): Promise<Rollout[]> {
  const rows = await tx.all<RolloutRow>(
    `SELECT ${ROLLOUT_COLUMNS} FROM rollouts WHERE ${condition} ORDER BY seq ${order} LIMIT ?`,
    [...params, limit],
  );
  return rows.map(toRollout);
}

export async function selectRollout(tx: ReadTx, id: string): Promise<Rollout | undefined> {
  return (await selectRollouts(tx, "id = ?", [id]))[0];
}

const SERVICES = `SELECT s.*, o.workspace FROM rollout_services s JOIN service_owners o ON o.service = s.name`;

export async function selectService(tx: ReadTx, name: string): Promise<Service | undefined> {
  const row = await tx.get<ServiceRow>(`${SERVICES} WHERE s.name = ?`, [name]);
  return row && toService(row);
}

/** The rollout, when its service is that tenant's. */
export async function selectRolloutOf(tx: ReadTx, tenant: string, id: string): Promise<Rollout | undefined> {
  return (await selectRollouts(tx, `id = ? AND ${ofTenant("service")}`, [id, tenant]))[0];
}

/** The service, when it is that tenant's. */
export async function selectServiceOf(
  tx: ReadTx,
  tenant: string,
  name: string,
): Promise<Service | undefined> {
  const row = await tx.get<ServiceRow>(`${SERVICES} WHERE s.name = ? AND o.workspace = ?`, [name, tenant]);
  return row && toService(row);
}

/** Of all tenants. */
export async function selectServices(tx: ReadTx): Promise<Service[]> {
  return (await tx.all<ServiceRow>(`${SERVICES} ORDER BY s.name`)).map(toService);
}

export async function selectServicesOf(tx: ReadTx, tenant: string): Promise<Service[]> {
  const rows = await tx.all<ServiceRow>(`${SERVICES} WHERE o.workspace = ? ORDER BY s.name`, [tenant]);
  return rows.map(toService);
}

export async function selectProjection(tx: ReadTx): Promise<Projection> {
  const row = await tx.get<{
    projected_commit: string | null;
    projected_order: number;
    order_offset: number;
    diverged: string | null;
    adopt: number;
  }>(
    "SELECT projected_commit, projected_order, order_offset, diverged, adopt FROM rollout_environment WHERE id = 1",
  );
  return {
    commit: row?.projected_commit ?? null,
    order: Number(row?.projected_order ?? 0),
    orderOffset: Number(row?.order_offset ?? 0),
    diverged: row?.diverged ?? null,
    adopt: row?.adopt === 1,
  };
}

export async function selectOpenIntent(tx: ReadTx, id: string): Promise<Intent | undefined> {
  const row = await tx.get<{
    id: string;
    service: string;
    from_commit: string;
    desired: string;
    after_commit: string;
  }>("SELECT * FROM rollout_intents WHERE id = ? AND state = 'open'", [id]);
  return (
    row && {
      id: row.id,
      service: row.service,
      fromCommit: row.from_commit,
      desired: JSON.parse(row.desired) as Intent["desired"],
      after: JSON.parse(row.after_commit) as Intent["after"],
    }
  );
}

export async function selectContracts(tx: ReadTx, service: string): Promise<Map<number, ContractVerdict>> {
  const rows = await tx.all<{ version: number; passed: number; message: string; model_dir: string }>(
    "SELECT version, passed, message, model_dir FROM rollout_contracts WHERE service = ?",
    [service],
  );
  return new Map(
    rows.map((row) => [
      Number(row.version),
      {
        version: Number(row.version),
        passed: row.passed === 1,
        message: row.message,
        // Older rows hold the folder's full path; its name is the hash in any case.
        sha256: basename(row.model_dir),
      },
    ]),
  );
}

function toRollout(row: RolloutRow): Rollout {
  const request = toRequest(row.request);
  const judgement = parsed<StoredJudgement>(row.judgement);
  return {
    id: row.id,
    key: row.request_key,
    service: row.service,
    version: Number(row.version),
    kind: row.kind,
    state: row.state,
    reason: row.reason,
    sentence: row.sentence,
    phase: row.phase,
    phaseAt: numeric(row.phase_at),
    step: row.step,
    request,
    champion: numeric(row.champion),
    heldFrom: row.held_from,
    wish: parsed(row.wish),
    approvedBy: row.approved_by,
    judgement: judgement && completeJudgement(judgement, request.policy),
    look: Number(row.look),
    continues: row.continues,
    createdAt: Number(row.created_at),
    progressingAt: numeric(row.progressing_at),
    deadlineAt: numeric(row.deadline_at),
    endedAt: numeric(row.ended_at),
  };
}

function toRequest(json: string): Rollout["request"] {
  const request = JSON.parse(json) as Rollout["request"];
  return { ...request, policy: completePolicy(request.policy) };
}

function toService(row: ServiceRow): Service {
  return {
    name: row.name,
    tenant: row.workspace,
    project: row.project,
    champion: numeric(row.champion),
    challenger: numeric(row.challenger),
    weight: row.weight,
    shadow: row.shadow,
    previousChampion: numeric(row.previous_champion),
    commit: row.commit_id,
    order: Number(row.commit_order),
    aliasedCommit: row.aliased_commit,
    serving: parsed(row.serving),
    policy: row.policy === null ? null : completePolicy(JSON.parse(row.policy) as StoredPolicy),
    stop: parsed(row.stop),
    problem: row.problem,
  };
}

function parsed<Value>(json: string | null): Value | null {
  return json === null ? null : (JSON.parse(json) as Value);
}

/** A driver may give a 64-bit column as text or bigint. */
function numeric(value: number | bigint | string | null): number | null {
  return value === null ? null : Number(value);
}
