import { createHash } from "node:crypto";
import { mkdir, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../base/clock.ts";
import type { Ids } from "../../../base/ids.ts";
import { SlipwayError } from "../../../http/errors.ts";
import type { EffectLedger } from "../../../pipelines/effects.ts";
import type { StepEnvironments } from "../../../pipelines/environments.ts";
import { readCommit, type Commit } from "../../../pipelines/checkout.ts";
import type { PipelineEngine, PipelineRunSpec, PipelineRunStatus } from "../../../pipelines/engine.ts";
import type { StepCache } from "../../../pipelines/step-cache.ts";
import type { EngineContext } from "./context.ts";
import { CpuSlots } from "./cpu-slots.ts";
import { createLocalEnvironments } from "./environments/environments.ts";
import { followLogs } from "./follow-logs.ts";
import { MemoryWatch } from "./memory-watch.ts";
import { endOrphan, killByToken, TOKEN_VARIABLE } from "./process-group.ts";
import { systemProcessTable } from "./process-table.ts";
import { LocalRun, statusOf } from "./run.ts";
import { readRecord, StateFile, type RunRecord } from "./state-file.ts";
import { FolderStepCache } from "./step-cache.ts";

export interface LocalEngineDeps {
  /** Absolute. Pipeline runs go to `runs/`, the cache to `cache/`. One engine at a time may use it. */
  dataDir: string;
  clock: Clock;
  ids: Ids;
  /** What steps may see of this machine's environment: PATH, HOME, LANG, … */
  stepEnv: Record<string, string>;
  /** Processors to share among steps. */
  cpus: number;
  platform: NodeJS.Platform;
  pid: number;
  ledger?: EffectLedger;
  /** Default: one in the data folder. */
  cache?: StepCache;
  /** Default: one in the data folder. */
  environments?: StepEnvironments;
  /** Default: asks git in the repository that the pipeline run names. */
  commitOf?: (spec: PipelineRunSpec) => Promise<Commit>;
  limits?: Partial<LocalEngineLimits>;
}

interface LocalEngineLimits {
  /** Of one step's log; default 10 MiB. */
  logBytes: number;
  /** Of all kept step outputs; default 10 GiB. */
  cacheBytes: number;
  /** Between SIGTERM and SIGKILL; default 5 s. */
  graceMs: number;
}

const DEFAULTS: LocalEngineLimits = { logBytes: 10 * 2 ** 20, cacheBytes: 10 * 2 ** 30, graceMs: 5_000 };

export interface LocalEngine extends PipelineEngine {
  /** Ends all processes within the grace; unfinished pipeline runs go on with the next engine. */
  close(): Promise<void>;
}

/** Runs steps as child processes of this machine. */
export async function createLocalEngine(deps: LocalEngineDeps): Promise<LocalEngine> {
  const limits = { ...DEFAULTS, ...deps.limits };
  const runsDir = join(deps.dataDir, "runs");
  const cacheDir = join(deps.dataDir, "cache");
  await mkdir(join(runsDir, ACTIVE), { recursive: true });
  await mkdir(join(cacheDir, "steps"), { recursive: true });
  const { clock, ids } = deps;
  const table = systemProcessTable(deps.platform);
  // Every process below carries a mark of its data folder, so that strays are found without any record.
  const mark = createHash("sha256")
    .update(await realpath(deps.dataDir))
    .digest("hex")
    .slice(0, 16);
  const context: EngineContext = {
    clock,
    table,
    slots: new CpuSlots(deps.cpus),
    memory: new MemoryWatch(table),
    cache: deps.cache ?? new FolderStepCache(join(cacheDir, "steps"), limits.cacheBytes, () => clock.now()),
    environments: deps.environments ?? createLocalEnvironments({ cacheDir, clock, table, pid: deps.pid }),
    commitOf: deps.commitOf ?? ((spec) => readCommit(spec.repository, spec.commit, deps.stepEnv)),
    ledger: deps.ledger,
    stepEnv: deps.stepEnv,
    maxLogBytes: limits.logBytes,
    graceMs: limits.graceMs,
    tokenOf: (id) => `${mark}.${id}.`,
    ids,
  };
  return new Engine(runsDir, context, mark);
}

/** Names of unfinished pipeline runs, as empty files below `runs/`. */
const ACTIVE = ".active";

/** Ended pipeline runs whose working folders are kept, for looking at; and whose logs are kept. */
const KEPT_WORK = 10;
const KEPT_RUNS = 1000;

class Engine implements LocalEngine {
  readonly #runsDir: string;
  readonly #context: EngineContext;
  readonly #live = new Map<string, { run: LocalRun; done: Promise<void> }>();
  readonly #starting = new Map<string, Promise<void>>();
  /** Nothing starts before what a former process left behind has ended. */
  readonly #swept: Promise<void>;
  #closed = false;

  constructor(runsDir: string, context: EngineContext, mark: string) {
    this.#runsDir = runsDir;
    this.#context = context;
    this.#swept = this.#sweep(mark);
    this.#swept.catch(() => {});
  }

  async submit(spec: PipelineRunSpec): Promise<void> {
    if (this.#closed) throw new SlipwayError("UNAVAILABLE", "the pipeline engine is stopping");
    if (this.#live.has(spec.id)) return;
    let starting = this.#starting.get(spec.id);
    if (starting === undefined) {
      starting = this.#start(spec).finally(() => this.#starting.delete(spec.id));
      this.#starting.set(spec.id, starting);
    }
    await starting;
  }

  async *observe(id: string, signal: AbortSignal): AsyncIterable<PipelineRunStatus> {
    const live = this.#live.get(id);
    if (!live) {
      const record = await this.#read(id);
      if (record.state === "running")
        throw new SlipwayError("CONFLICT", `pipeline run ${id} isn't under way; submit it first`);
      yield statusOf(record);
      return;
    }
    const { run } = live;
    for (let seen = -1; !signal.aborted;) {
      if (run.version === seen) {
        if (run.stopped) return;
        await run.changed.wait(signal);
        continue;
      }
      seen = run.version;
      const status = run.status();
      yield status;
      if (status.state !== "running") return;
    }
  }

  async cancel(id: string): Promise<void> {
    await this.#starting.get(id)?.catch(() => {});
    const live = this.#live.get(id);
    if (live) {
      await live.run.cancel();
      return live.done;
    }
    await this.#swept;
    const record = await this.#read(id);
    if (record.state !== "running") return;
    for (const step of record.steps)
      for (const orphan of step.processes) await endOrphan(orphan, this.#context);
    record.cancelled = true;
    await new StateFile(join(this.#folder(id), "state.json"), record).save();
  }

  async *logs(
    id: string,
    options: { step?: string; follow: boolean; signal: AbortSignal },
  ): AsyncIterable<{ step: string; line: string }> {
    const live = this.#live.get(id)?.run;
    const names = (live ? live.status() : statusOf(await this.#read(id))).steps.map((step) => step.name);
    if (options.step !== undefined && !names.includes(options.step))
      throw new SlipwayError("NOT_FOUND", `pipeline run ${id} has no step ${options.step}`, {
        allowed: names.join(", "),
      });
    const steps = options.step === undefined ? names : [options.step];
    yield* followLogs(
      join(this.#folder(id), "logs"),
      steps,
      options.follow ? live : undefined,
      options.signal,
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#starting.values());
    const live = [...this.#live.values()];
    for (const { run } of live) run.stop();
    await Promise.all(live.map(({ done }) => done));
  }

  async #start(spec: PipelineRunSpec): Promise<void> {
    await this.#swept;
    const folder = this.#folder(spec.id);
    const known = await readRecord(join(folder, "state.json"));
    if (known && known.state !== "running") return;
    const record = known ?? newRecord(spec);
    await mkdir(folder, { recursive: true });
    const marker = join(this.#runsDir, ACTIVE, spec.id);
    await writeFile(marker, "");
    const run = new LocalRun(spec, folder, record, this.#context);
    await run.save();
    const done = run.execute().then(async () => {
      this.#live.delete(spec.id);
      if (run.stopped) return;
      await rm(marker, { force: true });
      await this.#tidy().catch(() => {});
    });
    this.#live.set(spec.id, { run, done });
  }

  /** Ids sort by time: the oldest folders go first, working folders before logs. */
  async #tidy(): Promise<void> {
    const active = new Set(await readdir(join(this.#runsDir, ACTIVE)));
    const ended = (await readdir(this.#runsDir)).filter((id) => id !== ACTIVE && !active.has(id)).sort();
    for (const id of ended.slice(0, -KEPT_RUNS))
      await rm(join(this.#runsDir, id), { recursive: true, force: true });
    for (const id of ended.slice(-KEPT_RUNS).slice(0, -KEPT_WORK))
      await rm(join(this.#runsDir, id, "work"), { recursive: true, force: true });
  }

  async #sweep(mark: string): Promise<void> {
    await killByToken(`${TOKEN_VARIABLE}=${mark}.`, this.#context);
    for (const id of await readdir(join(this.#runsDir, ACTIVE))) {
      const record = await readRecord(join(this.#folder(id), "state.json"));
      for (const step of record?.steps ?? [])
        for (const orphan of step.processes) await endOrphan(orphan, this.#context);
    }
  }

  async #read(id: string): Promise<RunRecord> {
    const record = await readRecord(join(this.#folder(id), "state.json"));
    if (!record) throw new SlipwayError("NOT_FOUND", `there is no pipeline run ${id}`);
    return record;
  }

  #folder(id: string): string {
    // Ids come from callers of our API too; one must not lead out of the folder.
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(id))
      throw new SlipwayError("NOT_FOUND", `there is no pipeline run ${id.slice(0, 80)}`);
    return join(this.#runsDir, id);
  }
}

function newRecord(spec: PipelineRunSpec): RunRecord {
  return {
    id: spec.id,
    commit: spec.commit,
    checkedOut: false,
    cancelled: false,
    state: "running",
    steps: spec.project.pipeline.steps.map(({ name }) => ({
      name,
      state: "waiting",
      attempt: 0,
      failures: 0,
      processes: [],
    })),
  };
}
