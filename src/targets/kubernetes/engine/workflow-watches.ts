import type { Clock } from "../../../base/clock.ts";
import type { ClusterClient } from "../cluster/client.ts";
import type { OpenStream } from "../cluster/stream.ts";
import { watchObjects, type WatchEvent, type Watched } from "../cluster/watch.ts";
import type { KubernetesObject } from "../object.ts";
import { RUN_LABEL, WORKFLOW_API, type Workflow } from "./workflow.ts";

interface WatchesDeps {
  client: ClusterClient;
  open: OpenStream;
  clock: Clock;
  logDefect: (error: unknown, where: string) => void;
}

interface Told {
  /** Null: it is gone. */
  changed(name: string, workflow: Workflow | null): void;
  /** All that a namespace has. */
  listed(namespace: string, names: ReadonlySet<string>): void;
  /** A pod of a pipeline run. */
  pod(run: string, pod: KubernetesObject): void;
}

const AGAIN_MS = 5_000;

/** One watch of our workflows for each namespace in which some are under way. */
export class WorkflowWatches {
  readonly #deps: WatchesDeps;
  readonly #told: Told;
  readonly #held = new Map<string, { count: number; stop: AbortController; done: Promise<void> }>();

  constructor(deps: WatchesDeps, told: Told) {
    this.#deps = deps;
    this.#told = told;
  }

  hold(namespace: string): void {
    const held = this.#held.get(namespace);
    if (held !== undefined) {
      held.count++;
      return;
    }
    const stop = new AbortController();
    const watching = Promise.all([
      this.#watch(namespace, stop.signal),
      this.#watchPods(namespace, stop.signal),
    ]).then(() => undefined);
    this.#held.set(namespace, { count: 1, stop, done: watching });
  }

  release(namespace: string): void {
    const held = this.#held.get(namespace);
    if (held === undefined || --held.count > 0) return;
    this.#held.delete(namespace);
    held.stop.abort(new Error("nothing is under way"));
  }

  async close(): Promise<void> {
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const { stop } of held) stop.abort(new Error("stopping"));
    await Promise.all(held.map(({ done }) => done));
  }

  #watch(namespace: string, signal: AbortSignal): Promise<void> {
    const watched = {
      apiVersion: WORKFLOW_API,
      kind: "Workflow",
      namespace,
      labelSelector: "app.kubernetes.io/managed-by=slipway",
    };
    return this.#each(watched, signal, (event) => {
      const objects = event.type === "listed" ? event.objects : [event.object];
      for (const object of objects)
        this.#told.changed(object.metadata.name, event.type === "deleted" ? null : (object as Workflow));
      if (event.type === "listed")
        this.#told.listed(namespace, new Set(objects.map(({ metadata }) => metadata.name)));
    });
  }

  #watchPods(namespace: string, signal: AbortSignal): Promise<void> {
    const watched = { apiVersion: "v1", kind: "Pod", namespace, labelSelector: RUN_LABEL };
    return this.#each(watched, signal, (event) => {
      if (event.type === "deleted") return;
      for (const pod of event.type === "listed" ? event.objects : [event.object])
        this.#told.pod(pod.metadata.labels?.[RUN_LABEL] ?? "", pod);
    });
  }

  /** A watch that can't be, such as for a right that is missing, is tried again: its runs would hang in silence. */
  async #each(watched: Watched, signal: AbortSignal, tell: (event: WatchEvent) => void): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const event of watchObjects(this.#deps, watched, signal)) tell(event);
      } catch (error) {
        this.#deps.logDefect(error, `watch of ${watched.kind} in ${watched.namespace}`);
        await this.#deps.clock.sleep(AGAIN_MS, signal).catch(() => undefined);
      }
    }
  }
}
