import { SlipwayError, toSlipwayError } from "../http/errors.ts";
import type { ReadTx } from "../store/database.ts";
import { count } from "./count.ts";
import type { GcDeps } from "./deps.ts";
import { nothing, type GcJob } from "./job.ts";
import { remove } from "./remove.ts";
import { sweepDoomed } from "./sweep.ts";
import type { Wanted } from "./thing.ts";

const MOST_JOBS = 50;

/** What a caller asks for. */
export interface GcRequest {
  /** Null: all tenants. */
  tenant: string | null;
  /** Milliseconds since deletion; 0: everything that is deleted. */
  olderThan: number;
  /** Ids or names; null: all. */
  experiments: string[] | null;
  runs: string[] | null;
}

/** Deletes for good what is deleted: one counting or deletion at a time, in the background. */
export interface Collector {
  /** Begins to count. GC_BUSY while another one is at it. */
  plan(request: GcRequest): Promise<GcJob>;
  /** Begins to delete what was counted. GC_NOT_COUNTED in any other state. */
  collect(id: string): GcJob;
  /** GC_NOT_FOUND when there is none of a tenant (null: of all tenants). */
  job(id: string): GcJob;
  /** Finishes what a killed process has begun, if there is any. */
  resume(): void;
  /** Ends what is under way after its present batch. */
  close(): Promise<void>;
}

export function createCollector(deps: GcDeps): Collector {
  return new BackgroundCollector(deps);
}

class BackgroundCollector implements Collector {
  readonly #deps: GcDeps;
  readonly #jobs = new Map<string, { job: GcJob; wanted: Wanted[] }>();
  readonly #ending = new AbortController();
  #underWay: Promise<void> | undefined;

  constructor(deps: GcDeps) {
    this.#deps = deps;
  }

  async plan(request: GcRequest): Promise<GcJob> {
    const { db, clock, ids } = this.#deps;
    const cutoff = clock.now() - request.olderThan;
    const wanted = await db.read((tx) => wantedThings(tx, request, cutoff));
    this.#refuseWhileBusy();
    const job: GcJob = {
      id: ids.sortable("gc"),
      tenant: request.tenant,
      state: "counting",
      cutoff,
      experiments: request.experiments,
      runs: request.runs,
      found: nothing(),
      deleted: nothing(),
      kept: { count: 0, examples: [] },
      leftBehind: 0,
      reusableBytes: null,
      error: null,
      startedAt: clock.now(),
      endedAt: null,
    };
    this.#jobs.set(job.id, { job, wanted });
    const [oldest] = this.#jobs.keys();
    if (this.#jobs.size > MOST_JOBS && oldest !== undefined) this.#jobs.delete(oldest);
    this.#begin(job, "counted", async (signal) => {
      job.leftBehind = await db.read((tx) => leftBehind(tx, request.tenant));
      for (const one of wanted) await count(this.#deps, job, one, signal);
    });
    return job;
  }

  collect(id: string): GcJob {
    const { job, wanted } = this.#find(id);
    if (job.state !== "counted")
      throw new SlipwayError("GC_NOT_COUNTED", `the deletion ${id} is ${job.state}`, {
        given: job.state,
        allowed: "counted",
      });
    this.#refuseWhileBusy();
    job.state = "deleting";
    job.endedAt = null;
    job.kept = { count: 0, examples: [] };
    job.leftBehind = 0;
    this.#begin(job, "done", async (signal) => {
      let last = await sweepDoomed(this.#deps, job, 0, signal);
      for (const one of wanted) last = await remove(this.#deps, job, one, last, signal);
      job.reusableBytes = await this.#deps.db.read(reusableBytes);
    });
    return job;
  }

  job(id: string): GcJob {
    return this.#find(id).job;
  }

  resume(): void {
    const job = { deleted: nothing(), leftBehind: 0 };
    this.#underWay = this.#run(
      async (signal) => {
        await sweepDoomed(this.#deps, job, 0, signal);
        const { rows, files } = job.deleted;
        if (rows + files > 0)
          this.#deps.logDefect(
            undefined,
            `finished a deletion that was cut off: ${rows} rows, ${files} files`,
          );
      },
      (error) => this.#deps.logDefect(error, "finishing a deletion that was cut off"),
    );
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#underWay;
  }

  #find(id: string): { job: GcJob; wanted: Wanted[] } {
    const found = this.#jobs.get(id);
    if (!found) throw new SlipwayError("GC_NOT_FOUND", `nothing was counted under the id ${id.slice(0, 60)}`);
    return found;
  }

  #refuseWhileBusy(): void {
    if (this.#underWay) throw new SlipwayError("GC_BUSY", "another deletion is being counted or made");
  }

  #begin(job: GcJob, end: "counted" | "done", work: (signal: AbortSignal) => Promise<void>): void {
    const { clock, logDefect } = this.#deps;
    this.#underWay = this.#run(
      async (signal) => {
        await work(signal);
        job.state = end;
        job.endedAt = clock.now();
      },
      (thrown) => {
        const error = toSlipwayError(thrown);
        if (error.code === "INTERNAL" && !this.#ending.signal.aborted)
          logDefect(thrown, `deletion ${job.id}`);
        job.state = "failed";
        job.error = error.toJSON();
        job.endedAt = clock.now();
      },
    );
  }

  async #run(work: (signal: AbortSignal) => Promise<void>, failed: (error: unknown) => void): Promise<void> {
    try {
      await work(this.#ending.signal);
    } catch (error) {
      if (!this.#ending.signal.aborted) failed(error);
    } finally {
      this.#underWay = undefined;
    }
  }
}

/** What is meant, tenant by tenant. NOT_FOUND and GC_NOT_DELETED tell of what was named. */
async function wantedThings(tx: ReadTx, request: GcRequest, cutoff: number): Promise<Wanted[]> {
  const { tenant, experiments, runs } = request;
  if (tenant === null) {
    const rows = await tx.all<{ workspace: string }>(
      "SELECT DISTINCT workspace FROM experiments ORDER BY workspace",
    );
    return rows.map(({ workspace }) => ({ workspace, cutoff, experimentIds: null, runIds: null }));
  }
  const experimentIds: number[] = [];
  for (const named of experiments ?? []) experimentIds.push(await experimentNamed(tx, tenant, named));
  for (const id of runs ?? []) {
    const sql = "SELECT lifecycle_stage FROM runs WHERE workspace = ? AND run_id = ?";
    const row = await tx.get<{ lifecycle_stage: string }>(sql, [tenant, id]);
    if (!row) throw new SlipwayError("NOT_FOUND", `there is no tracking run ${id}`, { where: "runs" });
    if (row.lifecycle_stage !== "deleted")
      throw new SlipwayError("GC_NOT_DELETED", `the tracking run ${id} isn't deleted`, { where: "runs" });
  }
  return [
    { workspace: tenant, cutoff, experimentIds: experiments === null ? null : experimentIds, runIds: runs },
  ];
}

async function experimentNamed(tx: ReadTx, tenant: string, named: string): Promise<number> {
  const id = /^\d{1,15}$/.test(named) ? Number(named) : -1;
  const row = await tx.get<{ experiment_id: number }>(
    `SELECT experiment_id FROM experiments WHERE workspace = ? AND (experiment_id = ? OR name = ?)
     ORDER BY CASE WHEN experiment_id = ? THEN 0 ELSE 1 END LIMIT 1`,
    [tenant, id, named, id],
  );
  if (!row) throw new SlipwayError("NOT_FOUND", `there is no experiment ${named}`, { where: "experiments" });
  return row.experiment_id;
}

/** Things that have gone, with something of theirs still there. */
async function leftBehind(tx: ReadTx, tenant: string | null): Promise<number> {
  const where = tenant === null ? "" : " WHERE workspace = ?";
  const sql = `SELECT COUNT(*) AS n FROM doomed${where}`;
  return Number((await tx.get<{ n: number }>(sql, tenant === null ? [] : [tenant]))?.n ?? 0);
}

async function reusableBytes(tx: ReadTx): Promise<number | null> {
  if (tx.dialect !== "sqlite") return null;
  const free = await tx.get<{ freelist_count: number }>("PRAGMA freelist_count");
  const size = await tx.get<{ page_size: number }>("PRAGMA page_size");
  return Number(free?.freelist_count ?? 0) * Number(size?.page_size ?? 0);
}
