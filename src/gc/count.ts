import type { Database, SqlValue } from "../store/database.ts";
import {
  deletedExperiments,
  deletedModels,
  deletedRuns,
  marks,
  type DeletedExperiment,
} from "./candidates.ts";
import type { GcDeps } from "./deps.ts";
import { filesBelow, forEach, type Files } from "./files.ts";
import { COUNT_OF, keep, type GcJob } from "./job.ts";
import { sortExperiments, sortModels, sortRuns, type MayGo, type Place } from "./keep.ts";
import { folderOf } from "./references.ts";
import { tablesOf } from "./sweep-command.ts";
import type { Kept, Kind, Wanted } from "./thing.ts";

const PAGE = 200;
/** Things whose rows one query counts: queries hold up whoever else reads. */
const COUNTED = 10;

/** Counts what would go, and changes nothing. Experiments whose files are counted as a whole are those that go. */
export async function count(deps: GcDeps, job: GcJob, wanted: Wanted, signal: AbortSignal): Promise<void> {
  const counting = new Counting(deps, job, wanted, signal);
  await counting.runs();
  await counting.models();
  await counting.experiments();
}

class Counting {
  readonly #deps: GcDeps;
  readonly #job: GcJob;
  readonly #wanted: Wanted;
  readonly #place: Place;
  readonly #signal: AbortSignal;
  /** Experiments in which something is kept. */
  readonly #holding = new Set<number>();
  /** Files of each experiment that were counted so far. */
  readonly #counted = new Map<number, Files>();

  constructor(deps: GcDeps, job: GcJob, wanted: Wanted, signal: AbortSignal) {
    this.#deps = deps;
    this.#job = job;
    this.#wanted = wanted;
    this.#place = { workspace: wanted.workspace, artifactRoot: deps.artifactRoot };
    this.#signal = signal;
  }

  async runs(): Promise<void> {
    for (let after: number | undefined = 0; after !== undefined;) {
      this.#signal.throwIfAborted();
      const from: number = after;
      const { page, sorted } = await this.#deps.db.read(async (tx) => {
        const found = await deletedRuns(tx, this.#wanted, from, PAGE);
        return { page: found, sorted: await sortRuns(tx, this.#place, found.rows) };
      });
      this.#keep(sorted.kept, page.rows, (row) => row.run_id);
      await this.#add("run", sorted.going, (row) => row.rid);
      after = page.next;
    }
  }

  async models(): Promise<void> {
    for (let after: string | undefined = ""; after !== undefined;) {
      this.#signal.throwIfAborted();
      const from: string = after;
      const { rows, sorted } = await this.#deps.db.read(async (tx) => {
        const found = await deletedModels(tx, this.#wanted, from, PAGE);
        return { rows: found, sorted: await sortModels(tx, this.#place, found) };
      });
      this.#keep(sorted.kept, rows, (row) => row.model_id);
      await this.#add("model", sorted.going, (row) => row.model_id);
      after = rows.length === PAGE ? rows.at(-1)?.model_id : undefined;
    }
  }

  async experiments(): Promise<void> {
    const { rows, sorted } = await this.#deps.db.read(async (tx) => {
      const found = await deletedExperiments(tx, this.#wanted);
      return { rows: found, sorted: await sortExperiments(tx, this.#place, found) };
    });
    for (const row of rows) await this.#traces(row);
    const going = sorted.going.filter(({ row }) => !this.#holding.has(row.experiment_id));
    const held = sorted.going.flatMap(({ row }): Kept[] =>
      this.#holding.has(row.experiment_id)
        ? [{ kind: "experiment", id: String(row.experiment_id), why: "something in it is kept" }]
        : [],
    );
    keep(this.#job, [...sorted.kept, ...held]);
    await this.#add("experiment", going, (row) => row.experiment_id);
  }

  /** All traces of a deleted experiment go with it. */
  async #traces({ experiment_id, artifact_location }: DeletedExperiment): Promise<void> {
    const root = folderOf(artifact_location, this.#place.workspace);
    for (let after = 0; ;) {
      this.#signal.throwIfAborted();
      const rows = await this.#deps.db.read((tx) =>
        tx.all<{ tid: number; trace_id: string }>(
          "SELECT tid, trace_id FROM traces WHERE experiment_id = ? AND tid > ? ORDER BY tid LIMIT ?",
          [experiment_id, after, PAGE],
        ),
      );
      const going = rows.map((row) => ({
        row: { ...row, experiment_id },
        folder: root === null ? null : `${root}/traces/${row.trace_id}`,
      }));
      await this.#add("trace", going, (row) => row.tid);
      after = rows.at(-1)?.tid ?? after;
      if (rows.length < PAGE) return;
    }
  }

  #keep<Row extends { experiment_id: number }>(
    kept: readonly Kept[],
    rows: readonly Row[],
    idOf: (row: Row) => string,
  ): void {
    keep(this.#job, kept);
    const ids = new Set(kept.map(({ id }) => id));
    for (const row of rows) if (ids.has(idOf(row))) this.#holding.add(row.experiment_id);
  }

  async #add<Row extends { experiment_id: number }>(
    kind: Kind,
    things: readonly MayGo<Row>[],
    value: (row: Row) => SqlValue,
  ): Promise<void> {
    const { found } = this.#job;
    found[COUNT_OF[kind]] += things.length;
    found.rows += things.length;
    for (let at = 0; at < things.length; at += COUNTED) {
      this.#signal.throwIfAborted();
      const some = things.slice(at, at + COUNTED);
      found.rows += await countRows(
        this.#deps.db,
        kind,
        some.map(({ row }) => value(row)),
      );
    }
    await forEach(things, ({ row, folder }) => this.#addFiles(kind, row.experiment_id, folder));
  }

  async #addFiles(kind: Kind, experimentId: number, folder: string | null): Promise<void> {
    this.#signal.throwIfAborted();
    const { found } = this.#job;
    if (folder === null) {
      if (kind === "run" || kind === "model") found.elsewhere++;
      return;
    }
    const { files, bytes } = await filesBelow(this.#deps.blobs, folder);
    const known = this.#counted.get(experimentId) ?? { files: 0, bytes: 0 };
    // An experiment's folder holds what was counted with its runs, models and traces before.
    const isWhole = kind === "experiment";
    found.files += Math.max(0, files - (isWhole ? known.files : 0));
    found.bytes += Math.max(0, bytes - (isWhole ? known.bytes : 0));
    this.#counted.set(experimentId, { files: known.files + files, bytes: known.bytes + bytes });
  }
}

async function countRows(db: Database, kind: Kind, values: readonly SqlValue[]): Promise<number> {
  let rows = 0;
  for (const [table, column] of tablesOf(kind)) {
    const sql = `SELECT COUNT(*) AS n FROM ${table} WHERE ${column} IN (${marks(values)})`;
    rows += Number((await db.read((tx) => tx.get<{ n: number }>(sql, values)))?.n ?? 0);
  }
  return rows;
}
