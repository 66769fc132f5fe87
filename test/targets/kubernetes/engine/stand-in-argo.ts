import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../../src/base/clock.ts";
import type { ClusterClient } from "../../../../src/targets/kubernetes/cluster/client.ts";
import type { OpenStream } from "../../../../src/targets/kubernetes/cluster/stream.ts";
import type { Send } from "../../../../src/targets/kubernetes/cluster/transport.ts";
import { watchObjects } from "../../../../src/targets/kubernetes/cluster/watch.ts";
import type {
  DagTemplate,
  StepTemplate,
  Workflow,
  WorkflowNode,
  WorkflowStatus,
} from "../../../../src/targets/kubernetes/engine/workflow.ts";

/** Does what a pod's container does; answers its exit code. */
export type Launch = (env: Record<string, string>, pod: RunningPod) => Promise<number>;

export interface RunningPod {
  name: string;
  /** SIGTERM. */
  signal: AbortSignal;
  print: (line: string) => void;
}

interface StandInDeps {
  client: ClusterClient;
  open: OpenStream;
  send: Send;
  namespace: string;
  launch: Launch;
  /** Absolute; each pod gets a folder below. */
  folder: string;
}

type Phase = NonNullable<WorkflowNode["phase"]>;

/**
 * Does with our Workflows what Argo's controller and a node would: makes a pod for each try of a step whose needs are
 * done, runs it as `launch` says, and writes phases and messages as Argo 3.7 does. For tests where there is no node.
 */
export class StandInArgo {
  /** What pods have printed, by their names. */
  readonly logs = new Map<string, string[]>();
  readonly #deps: StandInDeps;
  readonly #stop = new AbortController();
  readonly #flows = new Map<string, Flow>();
  #watching: Promise<void> | undefined;

  constructor(deps: StandInDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("stopping"));
    for (const flow of this.#flows.values()) flow.end();
    await Promise.all([...this.#flows.values()].map((flow) => flow.idle()));
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const watched = {
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Workflow",
      namespace: this.#deps.namespace,
      labelSelector: "app.kubernetes.io/managed-by=slipway",
    };
    const deps = { ...this.#deps, clock: systemClock };
    for await (const event of watchObjects(deps, watched, this.#stop.signal)) {
      if (event.type === "deleted") {
        this.#flows.get(event.object.metadata.name)?.end();
        continue;
      }
      for (const object of event.type === "listed" ? event.objects : [event.object])
        this.#see(object as Workflow);
    }
  }

  #see(workflow: Workflow): void {
    const { name } = workflow.metadata;
    const known = this.#flows.get(name);
    const flow = known ?? new Flow(workflow, this.#deps, this.logs);
    if (known === undefined) {
      this.#flows.set(name, flow);
      flow.begin();
    }
    if (workflow.spec.shutdown !== undefined) flow.end();
  }
}

class Flow {
  readonly #workflow: Workflow;
  readonly #deps: StandInDeps;
  readonly #logs: Map<string, string[]>;
  readonly #nodes: Record<string, WorkflowNode> = {};
  readonly #running = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  #writing: Promise<void> = Promise.resolve();

  constructor(workflow: Workflow, deps: StandInDeps, logs: Map<string, string[]>) {
    this.#workflow = workflow;
    this.#deps = deps;
    this.#logs = logs;
  }

  begin(): void {
    this.#schedule();
  }

  end(): void {
    this.#ended.abort(new Error("shut down"));
  }

  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.#writing;
  }

  get #tasks(): DagTemplate["dag"]["tasks"] {
    return (this.#workflow.spec.templates[0] as DagTemplate).dag.tasks;
  }

  #phaseOf(task: string): Phase | undefined {
    return this.#nodes[task]?.phase;
  }

  #schedule(): void {
    for (const { name, template, dependencies = [] } of this.#tasks) {
      if (this.#nodes[name] !== undefined || this.#ended.signal.aborted) continue;
      const phases = dependencies.map((needed) => this.#phaseOf(needed));
      if (phases.some((phase) => phase === "Failed" || phase === "Omitted")) {
        this.#node(name, "Skipped", template, {
          phase: "Omitted",
          message: "omitted: depends condition not met",
        });
        return this.#schedule();
      }
      if (!phases.every((phase) => phase === "Succeeded")) continue;
      this.#node(name, "Retry", template, { phase: "Running" });
      const work: Promise<void> = this.#task(name, template).finally(() => {
        this.#running.delete(work);
        this.#schedule();
      });
      this.#running.add(work);
    }
    if (this.#running.size === 0) void this.#finish();
    else void this.#write({ phase: "Running" });
  }

  async #finish(): Promise<void> {
    const failed = Object.values(this.#nodes).some(({ phase }) => phase === "Failed");
    const isShut = this.#ended.signal.aborted;
    await this.#write(
      isShut
        ? { phase: "Failed", message: "Stopped with strategy 'Terminate'" }
        : { phase: failed ? "Failed" : "Succeeded" },
    );
  }

  async #task(name: string, templateName: string): Promise<void> {
    const template = this.#workflow.spec.templates.find((one) => one.name === templateName) as StepTemplate;
    const { limit } = template.retryStrategy;
    for (let tryNumber = 0; ; tryNumber++) {
      const code = await this.#pod(name, template, tryNumber);
      const isFinal =
        code === 0 || code === 2 || code === 3 || tryNumber >= limit || this.#ended.signal.aborted;
      if (!isFinal) continue;
      this.#node(name, "Retry", templateName, { phase: code === 0 ? "Succeeded" : "Failed" });
      return;
    }
  }

  async #pod(task: string, template: StepTemplate, tryNumber: number): Promise<number> {
    const run = this.#workflow.metadata.name;
    const pod = `${run}-${template.name}-${tryNumber}`;
    const id = `${task}(${tryNumber})`;
    const path = `/api/v1/namespaces/${this.#deps.namespace}/pods`;
    const { launch, client, folder } = this.#deps;
    this.#node(id, "Pod", template.name, { phase: "Pending", startedAt: new Date().toISOString() });
    await client.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: pod,
        namespace: this.#deps.namespace,
        labels: { ...this.#workflow.spec.podMetadata.labels, ...template.metadata.labels },
        annotations: { "workflows.argoproj.io/node-name": `${run}.${id}` },
      },
      spec: { containers: [{ name: "main", image: template.container.image }], restartPolicy: "Never" },
    });
    await this.#podStatus(`${path}/${pod}`, "Running", { running: {} });
    this.#node(id, "Pod", template.name, { phase: "Running" });
    await this.#write({ phase: "Running" });
    const lines: string[] = [];
    this.#logs.set(pod, lines);
    const own = join(folder, pod);
    mkdirSync(own, { recursive: true });
    const env = { ...(await this.#env(template, tryNumber)), SLIPWAY_STEP_FOLDER: own, HOME: own };
    const code = await launch(env, {
      name: pod,
      signal: this.#ended.signal,
      print: (line) => void lines.push(line),
    });
    await this.#podStatus(`${path}/${pod}`, code === 0 ? "Succeeded" : "Failed", {
      terminated: { exitCode: code },
    });
    this.#node(id, "Pod", template.name, {
      phase: code === 0 ? "Succeeded" : "Failed",
      ...(code === 0 ? {} : { message: `main: Error (exit code ${code})` }),
      finishedAt: new Date().toISOString(),
    });
    await this.#write({ phase: "Running" });
    return code;
  }

  async #env(template: StepTemplate, tryNumber: number): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const one of template.container.env as {
      name: string;
      value?: string;
      valueFrom?: { secretKeyRef: { name: string; key: string } };
    }[]) {
      if (one.value !== undefined) found[one.name] = one.value.replace("{{retries}}", String(tryNumber));
      const reference = one.valueFrom?.secretKeyRef;
      if (reference === undefined) continue;
      const { namespace } = this.#deps;
      const secret = await this.#deps.client.get({
        group: "",
        kind: "Secret",
        namespace,
        name: reference.name,
      });
      const data = secret?.["data"] as Record<string, string> | undefined;
      found[one.name] = Buffer.from(data?.[reference.key] ?? "", "base64").toString();
    }
    return found;
  }

  async #podStatus(path: string, phase: string, state: object): Promise<void> {
    const containerStatuses = [
      { name: "main", image: "", imageID: "", ready: false, restartCount: 0, state },
    ];
    const contentType = "application/merge-patch+json";
    const body = { status: { phase, containerStatuses } };
    await this.#deps.send({ method: "PATCH", path: `${path}/status`, contentType, body });
  }

  #node(id: string, type: string, templateName: string, more: Partial<WorkflowNode>): void {
    const name = `${this.#workflow.metadata.name}.${id}`;
    this.#nodes[id] = { ...this.#nodes[id], id, name, displayName: id, type, templateName, ...more };
  }

  /** One after another, each with all that is known by then. */
  #write(status: WorkflowStatus): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const { namespace, name } = this.#workflow.metadata;
      const path = `/apis/argoproj.io/v1alpha1/namespaces/${namespace}/workflows/${name}`;
      const body = { status: { ...status, nodes: this.#nodes } };
      const contentType = "application/merge-patch+json";
      await this.#deps.send({ method: "PATCH", path, contentType, body });
    });
    return this.#writing;
  }
}
