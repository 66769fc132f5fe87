import type { ReadTx } from "../store/database.ts";
import type { Looked, LookedFor } from "./wire.ts";

export interface LookArgs {
  workspace: string;
  source: string;
  kind: LookedFor;
  ids: readonly string[];
}

interface Place {
  id: string;
  workspace: string;
}

/** Of each thing whether it is here, and whose; in the order of the ids. */
export async function lookFor(tx: ReadTx, args: LookArgs): Promise<Looked[]> {
  if (args.ids.length === 0) return [];
  if (args.kind === "version") return versions(tx, args);
  if (args.kind === "experiment") return experiments(tx, args);
  const { sql, mayBring } = PLACES[args.kind];
  const rows = await tx.all<Place>(`${sql} IN (${args.ids.map(() => "?").join(", ")})`, args.ids);
  const found = new Map(rows.map((row) => [row.id, row.workspace]));
  const brought = mayBring ? await broughtBy(tx, args) : new Set<string>();
  return args.ids.map((id) => {
    const owner = found.get(id);
    if (owner === undefined) return { id, state: "absent" };
    if (owner !== args.workspace) return { id, state: "elsewhere" };
    return { id, state: brought.has(id) ? "brought" : "here" };
  });
}

const PLACES: Readonly<
  Record<Exclude<LookedFor, "version" | "experiment">, { sql: string; mayBring: boolean }>
> = {
  project: place("project_owners", "project"),
  service: place("service_owners", "service"),
  run: { ...place("runs", "run_id"), mayBring: true },
  "logged-model": { ...place("logged_models", "model_id"), mayBring: true },
  trace: { ...place("traces", "trace_id"), mayBring: true },
  "pipeline-run": { ...place("pipeline_runs", "id"), mayBring: true },
};

function place(table: string, id: string): { sql: string; mayBring: boolean } {
  return { sql: `SELECT ${id} AS id, workspace FROM ${table} WHERE ${id}`, mayBring: false };
}

/** Those of the ids that came from that source, wholly or in part. */
async function broughtBy(tx: ReadTx, { workspace, source, kind, ids }: LookArgs): Promise<Set<string>> {
  const list = ids.map(() => "?").join(", ");
  const rows =
    kind === "pipeline-run"
      ? await tx.all<{ id: string }>(
          `SELECT id FROM pipeline_runs WHERE workspace = ? AND brought_from = ? AND id IN (${list})`,
          [workspace, source, ...ids],
        )
      : await tx.all<{ id: string }>(
          `SELECT i.source_id AS id FROM import_items i JOIN imports m ON m.import_id = i.import_id
           WHERE m.tenant = ? AND m.source = ? AND i.kind = ? AND i.source_id IN (${list})`,
          [workspace, source, kind, ...ids],
        );
  return new Set(rows.map(({ id }) => id));
}

/** Experiments go by name: one that is here takes what comes, but a deleted one. */
async function experiments(tx: ReadTx, { workspace, ids }: LookArgs): Promise<Looked[]> {
  const rows = await tx.all<{ name: string; stage: string }>(
    `SELECT name, lifecycle_stage AS stage FROM experiments
     WHERE workspace = ? AND name IN (${ids.map(() => "?").join(", ")})`,
    [workspace, ...ids],
  );
  const stages = new Map(rows.map(({ name, stage }) => [name, stage]));
  return ids.map((id) => {
    const stage = stages.get(id);
    if (stage === undefined) return { id, state: "absent" };
    return { id, state: stage === "active" ? "here" : "deleted" };
  });
}

async function versions(tx: ReadTx, { workspace, ids }: LookArgs): Promise<Looked[]> {
  const looked: Looked[] = [];
  for (const id of ids) {
    const slash = id.lastIndexOf("/");
    const number = /^\d{1,9}$/.test(id.slice(slash + 1)) ? Number(id.slice(slash + 1)) : 0;
    const row = await tx.get<{ run_id: string; creation_time: number }>(
      "SELECT run_id, creation_time FROM model_versions WHERE workspace = ? AND name = ? AND version = ?",
      [workspace, id.slice(0, Math.max(0, slash)), number],
    );
    looked.push(
      row === undefined
        ? { id, state: "absent" }
        : { id, state: "here", runId: row.run_id, createdAt: Number(row.creation_time) },
    );
  }
  return looked;
}
