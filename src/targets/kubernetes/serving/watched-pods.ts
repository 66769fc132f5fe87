import type { Clock } from "../../../base/clock.ts";
import { watchObjects } from "../cluster/watch.ts";
import type { WatchDeps } from "../cluster/watch.ts";
import type { Pod, PodSource } from "./pods.ts";

export interface WatchedPodsDeps extends WatchDeps {
  clock: Clock;
  signal: AbortSignal;
  log(error: unknown, where: string): void;
}

/** Between two beginnings of a watch that ended for a lasting reason, such as a right that is missing. */
const AGAIN_MS = 10_000;

interface Place {
  pods: Map<string, Pod>;
  listed: Promise<void>;
}

/** Pods of some namespaces, followed by watches. While the API server is away, they are what they were. */
export class WatchedPods implements PodSource {
  readonly #deps: WatchedPodsDeps;
  readonly #places = new Map<string, Place>();
  readonly #listeners = new Set<() => void>();

  constructor(deps: WatchedPodsDeps) {
    this.#deps = deps;
  }

  /** Resolves when that namespace's pods are known. */
  follow(namespace: string): Promise<void> {
    const known = this.#places.get(namespace);
    if (known !== undefined) return known.listed;
    const pods = new Map<string, Pod>();
    const listed = new Promise<void>((resolve) => void this.#run(namespace, pods, resolve));
    this.#places.set(namespace, { pods, listed });
    return listed;
  }

  find(labels: Readonly<Record<string, string>>): Pod[] {
    const wanted = Object.entries(labels);
    return [...this.#places.values()].flatMap(({ pods }) =>
      [...pods.values()].filter(({ metadata }) =>
        wanted.every(([key, value]) => metadata.labels?.[key] === value),
      ),
    );
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #run(namespace: string, pods: Map<string, Pod>, listed: () => void): Promise<void> {
    const { signal, log, clock } = this.#deps;
    while (!signal.aborted) {
      try {
        const watched = { apiVersion: "v1", kind: "Pod", namespace };
        for await (const event of watchObjects(this.#deps, watched, signal)) {
          if (event.type === "listed") {
            pods.clear();
            for (const pod of event.objects) pods.set(pod.metadata.name, pod as Pod);
            listed();
          } else if (event.type === "deleted") pods.delete(event.object.metadata.name);
          else pods.set(event.object.metadata.name, event.object as Pod);
          for (const listener of this.#listeners) listener();
        }
      } catch (error) {
        log(error, `watching pods of ${namespace}`);
      }
      await clock.sleep(AGAIN_MS, signal).catch(() => undefined);
    }
  }
}
