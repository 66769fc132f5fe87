// Pods of a cluster as processes of this machine: what is rendered is run, with the same command and variables, on
// loopback. It stands in for kubelet and controllers, and for nothing of ours.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import type { Carrier } from "../../../../src/targets/kubernetes/serving/deps.ts";
import { objectsIn } from "../../../../src/targets/kubernetes/serving/branch-state.ts";
import type { Cause } from "../../../../src/targets/kubernetes/serving/causes.ts";
import type { Pod, PodSource } from "../../../../src/targets/kubernetes/serving/pods.ts";
import type { Replicas } from "../../../../src/targets/kubernetes/serving/replicas.ts";
import { freePorts, startPod } from "../../../support/pod-process.ts";
import type { PodProcess } from "../../../support/pod-process.ts";

interface Template {
  metadata: { labels: Record<string, string> };
  spec: {
    containers: { name: string; image: string; env: { name: string; value?: string }[]; args: string[] }[];
  };
}

interface Running {
  pod: Pod;
  process: PodProcess;
  start(): Promise<void>;
  isStopped: boolean;
}

const LOOK_MS = 20;
const BACK_OFF_MS = 50;

export class StandInCluster implements PodSource, Carrier, Replicas {
  readonly commits: string[] = [];
  /** No container that ended is started again before this resolves. */
  holdUp: Promise<void> | undefined;
  /** What leaves the branch stays for now, as where a GitOps engine is slow. */
  isHoldingOn = false;
  /** For which a gateway doesn't know of a route. */
  routesLateMs = 0;
  /** HTTPRoutes that are in force. */
  routes: KubernetesObject[] = [];
  readonly #root: string;
  readonly #secrets: Record<string, string>;
  readonly #running = new Map<string, Running>();
  readonly #listeners = new Set<() => void>();
  /** By Deployment: how many pods it has where its object doesn't say so, and what they are made of. */
  readonly #scaled = new Map<string, { replicas: number; template: Template }>();
  #made = 0;

  /** @param secrets variables whose values would come from Secrets */
  constructor(root: string, secrets: Record<string, string>) {
    this.#root = root;
    this.#secrets = secrets;
  }

  find(labels: Readonly<Record<string, string>>): Pod[] {
    return [...this.#running.values()]
      .map(({ pod }) => pod)
      .filter(({ metadata }) =>
        Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value),
      );
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async carryOut(commit: string, files: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, Cause>> {
    this.commits.push(commit);
    const wanted = new Set<string>();
    const routes = [...files.values()].flatMap(objectsIn).filter(({ kind }) => kind === "HTTPRoute");
    if (this.routesLateMs === 0) this.routes = routes;
    else setTimeout(() => (this.routes = routes), this.routesLateMs);
    for (const object of [...files.values()].flatMap(objectsIn)) {
      if (object.kind !== "Deployment") continue;
      const { name } = object.metadata;
      const { replicas: said, template } = object["spec"] as { replicas?: number; template: Template };
      const replicas = said ?? this.#scaled.get(name)?.replicas ?? 1;
      if (said === undefined) this.#scaled.set(name, { replicas, template });
      for (let i = 0; i < replicas; i++) {
        const key = `${name}-${i}`;
        wanted.add(key);
        if (!this.#running.has(key)) await this.#worker(key, template);
      }
    }
    for (const [key, { pod }] of this.#running)
      if (!this.isHoldingOn && pod.metadata.labels?.["slipway.dev/variant"] !== undefined && !wanted.has(key))
        void this.end(key);
    return new Map<string, Cause>();
  }

  async wake(_namespace: string, name: string): Promise<void> {
    const scaled = this.#scaled.get(name);
    if (scaled?.replicas !== 0) return;
    scaled.replicas = 1;
    await this.#worker(`${name}-0`, scaled.template);
  }

  async sleep(_namespace: string, name: string): Promise<void> {
    const scaled = this.#scaled.get(name);
    if (scaled === undefined) return;
    scaled.replicas = 0;
    const own = [...this.#running.keys()].filter((key) => key.startsWith(`${name}-`));
    await Promise.all(own.map((key) => this.end(key)));
  }

  async first(_path: string, text: string): Promise<undefined> {
    const now = objectsIn(text);
    const names = new Set(now.map(({ metadata }) => metadata.name));
    this.routes = [...this.routes.filter(({ metadata }) => !names.has(metadata.name)), ...now];
  }

  /** Runs a container that nobody rendered here. */
  async run(
    key: string,
    role: string,
    labels: Record<string, string>,
    ports: Record<string, number>,
    variables: Record<string, string>,
  ): Promise<void> {
    const running: Running = {
      pod: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: key, namespace: "slipway-default", labels, uid: `uid-${this.#made++}` },
        spec: {
          containers: [
            {
              name: role,
              image: "slipway:test",
              ports: Object.entries(ports).map(([name, containerPort]) => ({ name, containerPort })),
            },
          ],
        },
        status: {
          phase: "Running",
          podIP: "127.0.0.1",
          containerStatuses: [{ name: role, restartCount: 0 }],
        },
      },
      process: undefined as never,
      isStopped: false,
      start: async () => {
        running.process = startPod(role, variables);
        void running.process.ended.then((code) => this.#ended(key, running, code, variables));
        void this.#watch(running, running.process, ports["door"] ?? ports["http"] ?? 0);
      },
    };
    this.#running.set(key, running);
    await running.start();
    this.#tell();
  }

  pids(labels: Record<string, string>): number[] {
    const pods = new Set(this.find(labels));
    return [...this.#running.values()].flatMap(({ pod, process: { child } }) =>
      pods.has(pod) && child.pid !== undefined ? [child.pid] : [],
    );
  }

  output(key: string): string {
    return this.#running.get(key)?.process.output() ?? "";
  }

  /** What a pod keeps on its own volume is gone. */
  async empty(key: string): Promise<void> {
    await rm(join(this.#root, "cache", key), { recursive: true, force: true });
  }

  async end(key: string): Promise<void> {
    const running = this.#running.get(key);
    if (running === undefined) return;
    running.isStopped = true;
    this.#running.delete(key);
    this.#tell();
    running.process.child.kill("SIGCONT");
    running.process.child.kill("SIGKILL");
    await running.process.ended;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((key) => this.end(key)));
  }

  async #worker(key: string, { metadata, spec }: Template): Promise<void> {
    const [frames = 0, http = 0, admin = 0] = await freePorts(3);
    const [container] = spec.containers;
    const isDoor = container?.env.some(({ name }) => name === "SLIPWAY_ROUTING") === true;
    const given = (container?.env ?? []).map(({ name, value }) => [name, value ?? this.#secrets[name] ?? ""]);
    await this.run(
      key,
      "worker",
      metadata.labels,
      isDoor ? { frames, door: http, admin } : { frames, http },
      {
        ...Object.fromEntries(given),
        SLIPWAY_HOST: "127.0.0.1",
        SLIPWAY_FRAMES_PORT: String(frames),
        SLIPWAY_HTTP_PORT: String(http),
        SLIPWAY_ADMIN_PORT: String(admin),
        SLIPWAY_CACHE: join(this.#root, "cache", key),
        SLIPWAY_TERMINATION_LOG: join(this.#root, `${key}-${http}.log`),
      },
    );
  }

  async #watch({ pod }: Running, process: PodProcess, port: number): Promise<void> {
    for (let isOver = false; !isOver;) {
      isOver = await Promise.race([
        process.ended.then(() => true),
        new Promise<boolean>((resolve) => setTimeout(() => resolve(false), LOOK_MS)),
      ]);
      if (isOver) return;
      const answer = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined);
      await answer?.arrayBuffer().catch(() => undefined);
      const status = answer?.status === 200 ? "True" : "False";
      if (pod.status?.conditions?.[0]?.status === status) continue;
      pod.status = { ...pod.status, conditions: [{ type: "Ready", status }] };
      this.#tell();
      // Asked rarely once it is ready: a stand-in needn't notice at once.
      if (status === "True") return;
    }
  }

  async #ended(
    key: string,
    running: Running,
    code: number | string | null,
    variables: Record<string, string>,
  ): Promise<void> {
    if (running.isStopped) return;
    const path = variables["SLIPWAY_TERMINATION_LOG"];
    const message = path === undefined ? "" : await readFile(path, "utf8").catch(() => "");
    if (path !== undefined) await rm(path, { force: true });
    const [status] = running.pod.status?.containerStatuses ?? [];
    running.pod.status = {
      ...running.pod.status,
      conditions: [{ type: "Ready", status: "False" }],
      containerStatuses: [
        {
          name: status?.name ?? "",
          restartCount: (status?.restartCount ?? 0) + 1,
          state: { waiting: { reason: "CrashLoopBackOff" } },
          lastState: { terminated: { exitCode: typeof code === "number" ? code : 137, message } },
        },
      ],
    };
    this.#tell();
    await new Promise((resolve) => setTimeout(resolve, BACK_OFF_MS));
    await this.holdUp;
    if (!running.isStopped && this.#running.get(key) === running) await running.start();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
