import type { Clock } from "../../../base/clock.ts";
import type { PodReport } from "../../../base/pod-report.ts";
import { SlipwayError } from "../../../http/errors.ts";
import { DEFAULT_TENANT } from "../../../http/identity.ts";
import type { PipelineEngine, PipelineRunSpec, PipelineRunStatus } from "../../../pipelines/engine.ts";
import type { StepDesk } from "../../../pipelines/remote/desk.ts";
import type { ClusterClient } from "../cluster/client.ts";
import type { OpenStream } from "../cluster/stream.ts";
import { ArgoRun } from "./argo-run.ts";
import { followLogs } from "./follow-logs.ts";
import { patienceFor, type ArgoPatience } from "./patience.ts";
import { podsOfRun } from "./pods.ts";
import { renderWorkflow, TOKEN_SECRET, type StepPodSettings } from "./render.ts";
import { GAVE_UP, hasEnded } from "./status.ts";
import { reportStepPod } from "./step-pods.ts";
import { WORKFLOW_API, RUN_LABEL, type Workflow } from "./workflow.ts";
import { WorkflowWatches } from "./workflow-watches.ts";

export interface ArgoEngineDeps {
  client: ClusterClient;
  open: OpenStream;
  clock: Clock;
  desk: StepDesk;
  pods: StepPodSettings;
  /** Where a tenant's steps run. */
  namespaceOf: (tenant: string) => string;
  /** What lets a tenant's steps in at the platform. */
  tokenOf: (tenant: string) => string;
  /** A pipeline run of any time; undefined when there is none. */
  find: (id: string) => Promise<{ tenant: string; steps: string[] } | undefined>;
  logDefect: (error: unknown, where: string) => void;
  patience?: Partial<ArgoPatience>;
}

const PATIENCE: ArgoPatience = { brokenMs: 600_000, roomMs: 3_600_000, cancelMs: 10_000 };
/** Beyond that, a pod that won't go is stuck with its node. */
const GONE_MS = 120_000;
const LOOK_MS = 250;
/** Ended pipeline runs whose state is at hand. */
const REMEMBERED = 200;

export interface ArgoEngine extends PipelineEngine {
  /** Stops watching; workflows go on, and are attached to by the next engine. */
  close(): Promise<void>;
}

/**
 * Runs pipelines as Argo Workflows in the namespaces of tenants. The Workflow has the pipeline run's id for its name, so
 * submitting twice makes one; what its steps did is with the desk, so any engine over the same store can go on.
 */
export function createArgoEngine(deps: ArgoEngineDeps): ArgoEngine {
  return new Engine(deps);
}

class Engine implements ArgoEngine {
  readonly #deps: ArgoEngineDeps;
  readonly #patience: ArgoPatience;
  readonly #live = new Map<string, ArgoRun>();
  readonly #ended = new Map<string, PipelineRunStatus>();
  readonly #starting = new Map<string, Promise<void>>();
  readonly #tokens = new Map<string, Promise<void>>();
  readonly #watches: WorkflowWatches;
  readonly #unsubscribe: () => void;

  constructor(deps: ArgoEngineDeps) {
    this.#deps = deps;
    this.#patience = { ...PATIENCE, ...deps.patience };
    this.#watches = new WorkflowWatches(deps, {
      changed: (name, workflow) => this.#live.get(name)?.learn(workflow),
      listed: (namespace, names) => void this.#missing(namespace, names),
      pod: (run, pod) => this.#live.get(run)?.learnPod(pod),
    });
    this.#unsubscribe = deps.desk.onReport((id) => this.#live.get(id)?.look());
  }

  async submit(spec: PipelineRunSpec): Promise<void> {
    if (this.#live.has(spec.id) || this.#ended.has(spec.id)) return;
    let starting = this.#starting.get(spec.id);
    if (starting === undefined) {
      starting = this.#start(spec).finally(() => this.#starting.delete(spec.id));
      this.#starting.set(spec.id, starting);
    }
    await starting;
  }

  async *observe(id: string, signal: AbortSignal): AsyncIterable<PipelineRunStatus> {
    const run = this.#live.get(id);
    if (run === undefined) {
      const ended = await this.#endOf(id);
      if (ended === undefined)
        throw new SlipwayError("CONFLICT", `pipeline run ${id} isn't under way; submit it first`);
      yield ended;
      return;
    }
    for (let seen = -1; !signal.aborted;) {
      if (run.version === seen) {
        if (run.isClosed) return;
        await run.changed.wait(signal);
        continue;
      }
      seen = run.version;
      const { status } = run;
      yield status;
      if (status.state !== "running") return;
    }
  }

  async cancel(id: string): Promise<void> {
    await this.#starting.get(id)?.catch(() => undefined);
    const run = this.#live.get(id);
    if (run === undefined) {
      if ((await this.#endOf(id)) !== undefined) return;
      throw new SlipwayError("NOT_FOUND", `pipeline run ${id} isn't under way`);
    }
    await this.#shutDown(run);
    run.stopped();
    await run.finished;
  }

  async *logs(
    id: string,
    options: { step?: string; follow: boolean; signal: AbortSignal },
  ): AsyncIterable<{ step: string; line: string }> {
    const live = this.#live.get(id);
    const known =
      live === undefined
        ? await this.#deps.find(id)
        : { tenant: live.tenant, steps: live.steps.map(({ name }) => name) };
    if (known === undefined) throw noRun(id);
    const { tenant, steps } = known;
    if (options.step !== undefined && !steps.includes(options.step))
      throw new SlipwayError("NOT_FOUND", `pipeline run ${id} has no step ${options.step}`, {
        allowed: steps.join(", "),
      });
    yield* followLogs(this.#deps, {
      id,
      tenant,
      namespace: this.#deps.namespaceOf(tenant),
      steps: options.step === undefined ? steps : [options.step],
      live: options.follow ? live : undefined,
      isLive: live !== undefined,
      signal: options.signal,
    });
  }

  async pods(id: string, step: string, lines: number): Promise<PodReport[]> {
    const tenant = this.#live.get(id)?.tenant ?? (await this.#deps.find(id))?.tenant;
    if (tenant === undefined) return [];
    return reportStepPod(this.#deps, { namespace: this.#deps.namespaceOf(tenant), run: id, step }, lines);
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await Promise.allSettled(this.#starting.values());
    for (const run of this.#live.values()) run.close();
    this.#live.clear();
    await this.#watches.close();
  }

  async #start(spec: PipelineRunSpec): Promise<void> {
    const { desk, client } = this.#deps;
    const tenant = spec.env["MLFLOW_WORKSPACE"] ?? DEFAULT_TENANT;
    const ended = (await desk.files.ended(tenant, spec.id)) as PipelineRunStatus | undefined;
    if (ended !== undefined) return this.#remember(spec.id, ended);
    await desk.attach(spec, tenant);
    const namespace = this.#deps.namespaceOf(tenant);
    await this.#giveToken(tenant, namespace);
    const workflow = await this.#make(renderWorkflow(spec, namespace, this.#deps.pods));
    const run = new ArgoRun({
      spec,
      tenant,
      namespace,
      workflow,
      clock: this.#deps.clock,
      reports: () => desk.reports(spec.id),
      patienceOf: (kept, step) => patienceFor(kept, step, this.#patience),
      giveUp: (stuck) =>
        this.#change(client, namespace, spec.id, {
          metadata: { annotations: { [GAVE_UP]: JSON.stringify(stuck) } },
          spec: { shutdown: "Terminate" },
        }),
      end: (status) => this.#end(spec.id, tenant, status),
      logDefect: this.#deps.logDefect,
    });
    this.#live.set(spec.id, run);
    this.#watches.hold(namespace);
    run.look();
  }

  /** Makes the Workflow, or finds the one that was made before. */
  async #make(workflow: Workflow): Promise<Workflow> {
    const { client } = this.#deps;
    const made = await client.create(workflow);
    if (made !== undefined) return made as Workflow;
    const { name, namespace } = workflow.metadata;
    const there = await this.#read(namespace ?? "", name);
    if (there?.metadata.labels?.[RUN_LABEL] === name) return there;
    throw new SlipwayError(
      "WORKFLOW_REFUSED",
      `there is a workflow ${name} in ${namespace} that isn't ours`,
      {
        hint: "Remove it, or run the pipeline again: each pipeline run has a new name.",
      },
    );
  }

  /** The Secret by which the tenant's steps are let in; a new one after the platform's own secret has changed. */
  async #giveToken(tenant: string, namespace: string): Promise<void> {
    const known = this.#tokens.get(namespace);
    if (known !== undefined) return known;
    const given = this.#deps.client
      .apply(
        {
          apiVersion: "v1",
          kind: "Secret",
          metadata: {
            name: TOKEN_SECRET.name,
            namespace,
            labels: { "app.kubernetes.io/managed-by": "slipway" },
          },
          type: "Opaque",
          data: { [TOKEN_SECRET.key]: Buffer.from(this.#deps.tokenOf(tenant)).toString("base64") },
        },
        { force: true },
      )
      .then((applied) => {
        if (applied.result === "applied") return;
        throw new SlipwayError(
          "WORKFLOW_REFUSED",
          `the Secret ${TOKEN_SECRET.name} can't be made in ${namespace}`,
          {
            given: applied.result === "refused" ? applied.status.message : applied.result,
            hint: "A tenant's namespace and control's rights in it are made by `slipway platform apply`.",
          },
        );
      });
    this.#tokens.set(namespace, given);
    given.catch(() => this.#tokens.delete(namespace));
    return given;
  }

  async #read(namespace: string, name: string): Promise<Workflow | undefined> {
    const found = await this.#deps.client.get(
      { group: "argoproj.io", kind: "Workflow", namespace, name },
      "v1alpha1",
    );
    return found as Workflow | undefined;
  }

  async #change(client: ClusterClient, namespace: string, name: string, patch: object): Promise<void> {
    const resource = await client.discovery.find(WORKFLOW_API, "Workflow");
    if (resource !== undefined) await client.merge(resource, namespace, name, patch);
  }

  /** Those that a list of all of a namespace hasn't: they are gone, unless the list is older than they are. */
  async #missing(namespace: string, names: ReadonlySet<string>): Promise<void> {
    for (const run of this.#live.values()) {
      if (run.namespace !== namespace || names.has(run.spec.id)) continue;
      try {
        run.learn((await this.#read(namespace, run.spec.id)) ?? null);
      } catch (error) {
        this.#deps.logDefect(error, `workflow ${run.spec.id}`);
      }
    }
  }

  /** Resolves when no pod of it runs. Durable with its first step: Argo starts nothing more. */
  async #shutDown(run: ArgoRun): Promise<void> {
    const { client, clock } = this.#deps;
    const { namespace, spec } = run;
    const began = clock.now();
    if (run.workflow !== null && !hasEnded(run.workflow)) {
      await this.#change(client, namespace, spec.id, { spec: { shutdown: "Terminate" } });
      run.isCancelling = true;
    }
    for (;;) {
      const pods = (await podsOfRun(client, namespace, spec.id)).filter(({ isOver }) => !isOver);
      if (pods.length === 0) return;
      if (clock.now() - began > GONE_MS)
        throw new SlipwayError("UNAVAILABLE", `pod ${pods[0]?.name} of ${spec.id} doesn't end`, {
          hint: "Its node may be lost: `kubectl get pods` shows where it is.",
        });
      if (clock.now() - began > this.#patience.cancelMs)
        for (const { name, uid } of pods)
          await client.delete({ group: "", kind: "Pod", namespace, name }, { uid });
      await clock.sleep(LOOK_MS);
    }
  }

  async #end(id: string, tenant: string, status: PipelineRunStatus): Promise<void> {
    const { desk } = this.#deps;
    await desk.files.saveEnded(tenant, id, status);
    await desk.detach(id);
    this.#remember(id, status);
    const run = this.#live.get(id);
    this.#live.delete(id);
    if (run !== undefined) this.#watches.release(run.namespace);
    await desk.files.tidy(tenant);
  }

  #remember(id: string, status: PipelineRunStatus): void {
    this.#ended.set(id, status);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > REMEMBERED && oldest !== undefined) this.#ended.delete(oldest);
  }

  /** Undefined for one that hasn't ended; NOT_FOUND when there is none. */
  async #endOf(id: string): Promise<PipelineRunStatus | undefined> {
    const known = this.#ended.get(id);
    if (known !== undefined) return known;
    const found = await this.#deps.find(id);
    if (found === undefined) throw noRun(id);
    return (await this.#deps.desk.files.ended(found.tenant, id)) as PipelineRunStatus | undefined;
  }
}

function noRun(id: string): SlipwayError {
  return new SlipwayError("NOT_FOUND", `there is no pipeline run ${id.slice(0, 80)}`);
}
