import type { Clock } from "../../../base/clock.ts";
import type { ErrorCode } from "../../../http/errors.ts";
import type { PipelineRunSpec, PipelineRunStatus, StepStatus } from "../../../pipelines/engine.ts";
import type { LatestReport } from "../../../pipelines/remote/report.ts";
import type { Step } from "../../../spec/project.ts";
import { Notifier } from "../../../base/notifier.ts";
import { statusOf } from "./status.ts";
import type { KubernetesObject } from "../object.ts";
import { pendingReasonOf } from "./pods.ts";
import { STEP_LABEL, type Workflow } from "./workflow.ts";

export interface ArgoRunDeps {
  spec: PipelineRunSpec;
  tenant: string;
  namespace: string;
  workflow: Workflow;
  clock: Clock;
  reports: () => ReadonlyMap<string, LatestReport>;
  /** Milliseconds for which a step may be kept from beginning by what its status says. */
  patienceOf: (kept: StepStatus & { code: ErrorCode }, step: Step) => number;
  /** Ends the workflow with the step as its cause; durable when it resolves. */
  giveUp: (stuck: StepStatus) => Promise<void>;
  /** Called once, when it has ended; what it does is tried again until it succeeds. */
  end: (status: PipelineRunStatus) => Promise<void>;
  logDefect: (error: unknown, where: string) => void;
}

const RETRY_MS = 1000;
const LONGEST_TIMER_MS = 60_000;

/** One pipeline run as it is in the cluster. */
export class ArgoRun {
  readonly spec: PipelineRunSpec;
  readonly tenant: string;
  readonly namespace: string;
  /** Something about it changed. */
  readonly changed = new Notifier();
  /** Null: it isn't in the cluster any more. */
  workflow: Workflow | null;
  status: PipelineRunStatus;
  version = 0;
  isClosed = false;
  /** It was asked to end: what Argo says of it from now on is read as that. */
  isCancelling = false;
  /** Resolves when its end is on record. */
  readonly finished: Promise<void>;
  readonly #deps: ArgoRunDeps;
  #finish: () => void = () => undefined;
  #isStopped = false;
  #isEnding = false;
  #timer: NodeJS.Timeout | undefined;
  /** What keeps a step's pod from beginning. */
  readonly #pending = new Map<string, string>();
  /** Since when which step is kept from beginning, by which cause. */
  readonly #stuck = new Map<string, { code: ErrorCode; since: number }>();

  constructor(deps: ArgoRunDeps) {
    this.#deps = deps;
    this.spec = deps.spec;
    this.tenant = deps.tenant;
    this.namespace = deps.namespace;
    this.workflow = deps.workflow;
    this.status = this.#now();
    this.finished = new Promise((resolve) => (this.#finish = resolve));
  }

  get steps(): readonly Step[] {
    return this.spec.project.pipeline.steps;
  }

  /** The cluster says what it is now; an older version than the known one is left out. */
  learn(workflow: Workflow | null): void {
    if (workflow !== null && this.workflow !== null && versionOf(workflow) < versionOf(this.workflow)) return;
    this.workflow = workflow;
    this.look();
  }

  /** A pod of it as it is now. */
  learnPod(pod: KubernetesObject): void {
    const step = pod.metadata.labels?.[STEP_LABEL] ?? "";
    const reason = pendingReasonOf(pod);
    if (this.#pending.get(step) === reason) return;
    if (reason === undefined) this.#pending.delete(step);
    else this.#pending.set(step, reason);
    this.look();
  }

  /** No pod of it is left, and none will come. */
  stopped(): void {
    this.#isStopped = true;
    this.look();
  }

  /** Compares what is known with what was told. */
  look(): void {
    if (this.#isEnding || this.isClosed) return;
    const next = this.#now();
    if (next.state !== "running") {
      this.#isEnding = true;
      void this.#end(next);
      return;
    }
    this.#watchStuck(next.steps);
    if (this.version > 0 && JSON.stringify(next) === JSON.stringify(this.status)) return;
    this.#tell(next);
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.#timer);
    this.changed.notify();
  }

  #now(): PipelineRunStatus {
    const { workflow } = this;
    const asked =
      this.isCancelling && workflow !== null && workflow.spec.shutdown === undefined
        ? { ...workflow, spec: { ...workflow.spec, shutdown: "Terminate" as const } }
        : workflow;
    return statusOf({
      steps: this.steps,
      workflow: asked,
      reports: this.#deps.reports(),
      pending: this.#pending,
      isStopped: this.#isStopped,
    });
  }

  #tell(status: PipelineRunStatus): void {
    this.status = status;
    this.version++;
    this.changed.notify();
  }

  /** Told only when it is on record: an end isn't taken back. */
  async #end(status: PipelineRunStatus): Promise<void> {
    clearTimeout(this.#timer);
    while (!this.isClosed) {
      try {
        await this.#deps.end(status);
        break;
      } catch (error) {
        this.#deps.logDefect(error, `end of pipeline run ${this.spec.id}`);
        await this.#deps.clock.sleep(RETRY_MS);
      }
    }
    this.#tell(status);
    this.#finish();
  }

  #watchStuck(steps: readonly StepStatus[]): void {
    const now = this.#deps.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const step of steps) {
      const { name, state, code } = step;
      const declared = this.steps.find((one) => one.name === name);
      if ((state !== "preparing" && state !== "waiting") || code === undefined || declared === undefined) {
        this.#stuck.delete(name);
        continue;
      }
      const known = this.#stuck.get(name);
      const since = known?.code === code ? known.since : now;
      this.#stuck.set(name, { code, since });
      const left = since + this.#deps.patienceOf({ ...step, code }, declared) - now;
      if (left <= 0) return void this.#giveUp({ ...step, state: "failed", finishedAt: now });
      next = Math.min(next, left);
    }
    clearTimeout(this.#timer);
    if (next !== Number.POSITIVE_INFINITY)
      this.#timer = setTimeout(() => this.look(), Math.min(next, LONGEST_TIMER_MS)).unref();
  }

  async #giveUp(stuck: StepStatus): Promise<void> {
    this.#stuck.clear();
    try {
      await this.#deps.giveUp(stuck);
    } catch (error) {
      this.#deps.logDefect(error, `pipeline run ${this.spec.id}`);
      this.#timer = setTimeout(() => this.look(), RETRY_MS).unref();
    }
  }
}

/** Kubernetes gives out growing numbers for the versions of one object's kind (KEP-5504; so do all its stores). */
function versionOf({ metadata }: Workflow): number {
  return Number(metadata["resourceVersion"] ?? 0);
}
