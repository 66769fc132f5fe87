import type { RolloutRequest } from "../rollout/request.ts";
import { selectServiceOf } from "../rollout/rows.ts";
import type { ReadTx } from "../store/database.ts";
import { originOf, type Origin } from "./origin.ts";
import { endOf, sharesOf, spansAt, spansBefore, type Role, type Span } from "./spans.ts";

/** One version in one role, from when to when, and where it came from. Times are milliseconds since the epoch. */
export interface HistoryEntry {
  role: Role;
  version: number;
  from: number;
  /** Null: it still goes on. */
  to: number | null;
  /** Of a challenger: per cent of requests, or of requests of which it got copies, from when on. */
  shares: { at: number; weight: number; shadow: number | null }[];
  /** The pusher, the person who acted by hand, or `mlflow client`. */
  askedBy: string;
  project: string | null;
  /** Of the project's repository. */
  commit: string | null;
  pipelineRunId: string | null;
  run: {
    id: string;
    name: string;
    user: string;
    experimentId: string;
    experimentName: string;
    /** True when it is deleted, or gone: what is told of it was remembered. */
    isDeleted: boolean;
  } | null;
  source: string | null;
  modelId: string | null;
  datasets: Origin["datasets"];
  metrics: Origin["metrics"];
  rollout: {
    id: string;
    kind: string;
    state: string;
    verdict: string | null;
    sentence: string | null;
  } | null;
  /** The commits of the environment repository that began and ended it. */
  began: EnvironmentChange;
  ended: EnvironmentChange | null;
}

interface EnvironmentChange {
  commit: string;
  author: string;
  subject: string;
}

interface RolloutRow {
  id: string;
  version: number;
  kind: string;
  state: string;
  sentence: string | null;
  judgement: string | null;
  request: string;
}

/** Newest first; `next` is the `before` of the next page. Undefined: nothing of that name ever served. */
export async function historyOf(
  tx: ReadTx,
  workspace: string,
  model: string,
  page: { before: number; limit: number } | { at: number },
): Promise<{ entries: HistoryEntry[]; next: number | null } | undefined> {
  const known = await selectServiceOf(tx, workspace, model);
  if (!known) return undefined;
  if ("at" in page) {
    const spans = await spansAt(tx, model, page.at);
    return { entries: await entries(tx, workspace, model, spans), next: null };
  }
  const spans = await spansBefore(tx, model, page.before, page.limit + 1);
  const shown = spans.slice(0, page.limit);
  const next = spans.length > shown.length ? (shown.at(-1)?.key ?? null) : null;
  return { entries: await entries(tx, workspace, model, shown), next };
}

async function entries(
  tx: ReadTx,
  workspace: string,
  model: string,
  spans: readonly Span[],
): Promise<HistoryEntry[]> {
  const all: HistoryEntry[] = [];
  for (const span of spans) all.push(await entry(tx, workspace, model, span));
  return all;
}

async function entry(tx: ReadTx, workspace: string, model: string, span: Span): Promise<HistoryEntry> {
  const { role, version, from, commit, author, subject } = span;
  const end = await endOf(tx, model, span);
  const rollout = await rolloutOf(tx, model, span);
  const request = rollout && (JSON.parse(rollout.request) as RolloutRequest);
  const made = request?.pipelineRunId === undefined ? await pipelineRequest(tx, model, version) : request;
  const { origin, isRunThere } = await originOf(tx, { workspace, model, version });
  const judged = JSON.parse(rollout?.judgement ?? "null") as { verdict?: string } | null;
  return {
    role,
    version,
    from,
    to: end?.at ?? null,
    shares: role === "champion" ? [] : await sharesOf(tx, model, { order: span.order, end: end?.order }),
    askedBy: request?.requestedBy ?? author,
    project: made?.project || origin.project || null,
    commit: made?.commit || origin.commit || null,
    pipelineRunId: made?.pipelineRunId || origin.pipelineRunId || null,
    run:
      origin.runId === ""
        ? null
        : {
            id: origin.runId,
            name: origin.runName,
            user: origin.user,
            experimentId: origin.experimentId,
            experimentName: origin.experimentName,
            isDeleted: !isRunThere,
          },
    source: origin.source || null,
    modelId: origin.modelId || null,
    datasets: origin.datasets,
    metrics: origin.metrics,
    rollout: rollout
      ? {
          id: rollout.id,
          kind: rollout.kind,
          state: rollout.state,
          verdict: judged?.verdict ?? null,
          sentence: rollout.sentence,
        }
      : null,
    began: { commit, author, subject },
    ended: end ? { commit: end.commit, author: end.author, subject: end.subject } : null,
  };
}

/** The rollout that brought the version there; a person's commit may have done it without one. */
async function rolloutOf(
  tx: ReadTx,
  model: string,
  { rolloutId, version }: Span,
): Promise<RolloutRow | undefined> {
  if (rolloutId === null) return undefined;
  const row = await tx.get<RolloutRow>(
    "SELECT id, version, kind, state, sentence, judgement, request FROM rollouts WHERE id = ? AND service = ?",
    [rolloutId, model],
  );
  return row && Number(row.version) === version ? row : undefined;
}

/** What a pipeline run said when it made the version. */
async function pipelineRequest(
  tx: ReadTx,
  model: string,
  version: number,
): Promise<RolloutRequest | undefined> {
  const rows = await tx.all<{ request: string }>(
    "SELECT request FROM rollouts WHERE service = ? AND version = ? ORDER BY seq LIMIT 20",
    [model, version],
  );
  return rows
    .map((row) => JSON.parse(row.request) as RolloutRequest)
    .find((request) => request.pipelineRunId !== undefined);
}
