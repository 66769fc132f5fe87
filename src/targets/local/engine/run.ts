import { setMaxListeners } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { PipelineRunSpec, PipelineRunStatus, StepStatus } from "../../../pipelines/engine.ts";
import type { EnvironmentRequest, PreparedEnvironment } from "../../../pipelines/environments.ts";
import { endState, isDone, isFinal, readySteps, skippedSteps } from "../../../pipelines/schedule.ts";
import { SlipwayError, toSlipwayError } from "../../../http/errors.ts";
import type { Step } from "../../../spec/project.ts";
import { checkOut, type Commit } from "../../../pipelines/checkout.ts";
import { sameOutputs } from "../../../pipelines/step-outputs.ts";
import type { EngineContext } from "./context.ts";
import { Notifier } from "../../../base/notifier.ts";
import { endOrphan, killByToken, TOKEN_VARIABLE } from "./process-group.ts";
import { StateFile, type RunRecord, type StepRecord } from "./state-file.ts";
import { runStep } from "./step.ts";
import { WorkScan } from "./work-scan.ts";

/** One pipeline run in execution on this machine. */
export class LocalRun {
  readonly spec: PipelineRunSpec;
  readonly context: EngineContext;
  readonly workDir: string;
  readonly logDir: string;
  /** Something about the run or its logs changed. */
  readonly changed = new Notifier();
  readonly #record: RunRecord;
  readonly #file: StateFile;
  readonly #abort = new AbortController();
  readonly #steps: Map<string, Step>;
  readonly #scan: WorkScan;
  /** Files that changed while a step ran, by step. */
  readonly #touched = new Map<string, Set<string> | undefined>();
  #commit: Promise<Commit> | undefined;
  #environment: Promise<PreparedEnvironment> | undefined;
  #version = 0;
  #stopped = false;

  constructor(spec: PipelineRunSpec, folder: string, record: RunRecord, context: EngineContext) {
    this.spec = spec;
    this.context = context;
    this.workDir = join(folder, "work");
    this.logDir = join(folder, "logs");
    this.#record = record;
    this.#file = new StateFile(join(folder, "state.json"), record);
    this.#steps = new Map(spec.project.pipeline.steps.map((step) => [step.name, step]));
    this.#scan = new WorkScan(this.workDir);
    // Every step listens, and every follower; Node would take that for a leak.
    setMaxListeners(0, this.#abort.signal);
  }

  get steps(): readonly Step[] {
    return this.spec.project.pipeline.steps;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Grows with every change of the status. */
  get version(): number {
    return this.#version;
  }

  /** True after `stop`: the run isn't over, but nothing more will happen here. */
  get stopped(): boolean {
    return this.#stopped;
  }

  get cacheOn(): boolean {
    return this.spec.cache && this.spec.project.pipeline.cache;
  }

  step(name: string): Step {
    const step = this.#steps.get(name);
    if (!step) throw new SlipwayError("INTERNAL", `pipeline run ${this.spec.id} has no step ${name}`);
    return step;
  }

  stepRecord(name: string): StepRecord {
    const record = this.#record.steps.find((step) => step.name === name);
    if (!record) throw new SlipwayError("INTERNAL", `pipeline run ${this.spec.id} has no step ${name}`);
    return record;
  }

  status(): PipelineRunStatus {
    return statusOf(this.#record);
  }

  /** Takes the run to its end, from wherever a former process left it. Never rejects. */
  async execute(): Promise<void> {
    try {
      await this.#recover();
      if (this.#record.cancelled) this.#abort.abort(new Error("cancelled"));
      else await this.#checkOut();
      await this.#schedule();
    } catch (error) {
      if (!this.#stopped) this.#giveUp(toSlipwayError(error));
    }
    // What left its step's process group, such as a daemon, ends with the pipeline run.
    await killByToken(`${TOKEN_VARIABLE}=${this.context.tokenOf(this.spec.id)}`, this.context).catch(() => 0);
    if (this.#stopped) return this.changed.notify();
    for (const step of this.#record.steps) {
      if (isFinal(step.state)) continue;
      step.state = "cancelled";
      step.reason = "the pipeline run was cancelled";
      if (step.startedAt !== undefined) step.finishedAt = this.context.clock.now();
    }
    // A run without a record of its end is executed once more after a restart, which is harmless.
    const state = endState(this.#record.steps.map((step) => step.state)) ?? "cancelled";
    this.#record.state = this.#record.cancelled && state !== "failed" ? "cancelled" : state;
    await this.#file.save().catch(() => {});
    this.announce();
  }

  /** Ends all processes for good; the record of it is durable first, so that a restart doesn't forget it. */
  async cancel(): Promise<void> {
    this.#record.cancelled = true;
    await this.#file.save();
    this.#abort.abort(new Error("cancelled"));
  }

  /** Ends all processes because we end; the next process goes on. */
  stop(): void {
    this.#stopped = true;
    this.#abort.abort(new Error("stopping"));
  }

  /** A step's status changed: on disk soon, and told to observers now. */
  touch(): void {
    this.#file.save().catch(() => {});
    this.announce();
  }

  /** As `touch`, and resolves when it is durable. */
  async save(): Promise<void> {
    this.announce();
    await this.#file.save();
  }

  /** A step's status changed: told to observers. */
  announce(): void {
    this.#version++;
    this.changed.notify();
  }

  logGrew(): void {
    this.changed.notify();
  }

  commit(): Promise<Commit> {
    this.#commit ??= this.context.commitOf(this.spec);
    return this.#commit;
  }

  /** The step environment, built by the first step that asks. */
  environment(how: Pick<EnvironmentRequest, "log" | "execute">): Promise<PreparedEnvironment> {
    this.#environment ??= this.commit().then(({ tree }) =>
      this.context.environments.prepare({
        declared: this.spec.project.environment,
        workDir: this.workDir,
        tree,
        env: this.context.stepEnv,
        signal: this.signal,
        ...how,
      }),
    );
    return this.#environment;
  }

  /** From now on, what changes is put down to this step (too). */
  async beginWatching(step: string): Promise<void> {
    this.#touched.set(step, new Set());
    if (this.cacheOn) await this.context.ledger?.begin(this.spec, step);
  }

  /** For a step that failed: what it left is of no use. */
  async abandonWatching(step: string): Promise<void> {
    this.#touched.delete(step);
    if (this.cacheOn) await this.context.ledger?.end(this.spec, step);
  }

  /** Files that changed while the step ran. */
  async writtenBy(step: string): Promise<string[]> {
    const changes = await this.#scan.changes();
    for (const [name, touched] of this.#touched)
      if (changes === undefined) this.#touched.set(name, undefined);
      else for (const path of changes) touched?.add(path);
    return [...(this.#touched.get(step) ?? [])];
  }

  /** Of these, the ones that no step declares as outputs; undefined when nobody can tell. Ends the watching. */
  async undeclaredBy(step: string): Promise<string[] | undefined> {
    const written = await this.writtenBy(step);
    const touched = this.#touched.get(step);
    this.#touched.delete(step);
    if (touched === undefined) return undefined;
    const outputs = this.steps.flatMap((other) => other.outputs).map((path) => path.replace(/\/+$/, ""));
    return written.filter(
      (path) => !outputs.some((output) => path === output || path.startsWith(`${output}/`)),
    );
  }

  /** Ends orphans, takes interrupted steps back, and checks that what finished steps wrote is still there. */
  async #recover(): Promise<void> {
    await mkdir(this.logDir, { recursive: true });
    for (const record of this.#record.steps) {
      for (const orphan of record.processes) await endOrphan(orphan, this.context);
      record.processes = [];
      const wrote = record.outputs;
      const torn =
        isDone(record.state) &&
        wrote &&
        !(await sameOutputs(this.workDir, this.step(record.name).outputs, wrote));
      if (record.state !== "running" && record.state !== "preparing" && !torn) continue;
      // What was cut short by us doesn't count as an attempt of its own.
      if (record.attempt > record.failures) {
        record.attempt--;
        record.interrupted = true;
      }
      record.state = "waiting";
      delete record.outputs;
      delete record.effects;
      delete record.opaque;
      delete record.exitCode;
      delete record.finishedAt;
    }
  }

  async #checkOut(): Promise<void> {
    if (!this.#record.checkedOut) {
      await checkOut(this.spec.repository, this.spec.commit, this.workDir, this.context.stepEnv);
      this.#record.checkedOut = true;
    }
    await this.#scan.remember();
  }

  async #schedule(): Promise<void> {
    const running = new Map<string, Promise<void>>();
    for (;;) {
      const states = new Map(this.#record.steps.map((step) => [step.name, step.state]));
      for (const [name, reason] of skippedSteps(this.steps, states))
        Object.assign(this.stepRecord(name), { state: "skipped", reason });
      if (!this.signal.aborted)
        for (const name of readySteps(this.steps, states)) {
          if (running.has(name)) continue;
          const work = runStep(this, this.step(name), this.stepRecord(name)).finally(() => {
            running.delete(name);
            if (!this.signal.aborted) this.touch();
          });
          running.set(name, work);
        }
      if (running.size === 0) return;
      await Promise.race(running.values());
    }
  }

  #giveUp(error: SlipwayError): void {
    const now = this.context.clock.now();
    const first = this.#record.steps.find((step) => !isFinal(step.state));
    if (!first) return;
    Object.assign(first, { state: "failed", code: error.code, reason: error.message, finishedAt: now });
    const states = new Map(this.#record.steps.map((step) => [step.name, step.state]));
    for (const step of this.#record.steps)
      if (!isFinal(step.state)) {
        step.state = "skipped";
        step.reason = skippedSteps(this.steps, states).get(step.name) ?? `step ${first.name} failed`;
      }
  }
}

/** What observers see of a record. */
export function statusOf(record: RunRecord): PipelineRunStatus {
  return { state: record.state, steps: record.steps.map(publicStatus) };
}

function publicStatus(record: StepRecord): StepStatus {
  const { name, state, attempt, startedAt, finishedAt, exitCode, reason, code } = record;
  return {
    name,
    state,
    attempt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(reason === undefined ? {} : { reason }),
    ...(code === undefined ? {} : { code }),
  };
}
