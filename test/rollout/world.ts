import type { Clock } from "../../src/base/clock.ts";
import type { Ids } from "../../src/base/ids.ts";
import type { EnvironmentCommit, EnvironmentRepository, ServiceState } from "../../src/git/environment.ts";
import { SlipwayError } from "../../src/http/errors.ts";
import type { ChampionHandler, ModelVersion, Registry } from "../../src/registry/registry.ts";
import type { RolloutDeps } from "../../src/rollout/deps.ts";
import { rolloutMigrations } from "../../src/rollout/migrations.ts";
import type { RolloutRequest } from "../../src/rollout/request.ts";
import { createRollouts, type Rollouts } from "../../src/rollout/rollouts.ts";
import type { ServingBackend, TrafficRule } from "../../src/serving/backend.ts";
import { latencyBucket, type OutcomeCounter, type PredictionRecord } from "../../src/serving/outcomes.ts";
import type { RolloutPolicy, ServingSpec } from "../../src/spec/project.ts";
import { memoryDatabase } from "../git/memory-database.ts";

export const serving: ServingSpec = {
  protocol: ["v2"],
  scale: { min: 1 },
  timeout: 2000,
  maxBody: 1_000_000,
};

export const policy: RolloutPolicy = {
  kind: "canary",
  shadow: null,
  fallback: false,
  watch: 600_000,
  guard: null,
  steps: [5, 25, 50],
  falseRollbackRate: 0.01,
  falsePromotionRate: 0.05,
  metrics: [{ name: "errors", worseBy: 0.02 }],
  deadline: 3_600_000,
  onNotEnoughData: "hold",
  approval: "none",
  onAliasSet: "rollout",
};

/** Environment repository in memory; keeps what every commit said. */
class FakeEnvironment implements EnvironmentRepository {
  readonly commits: (EnvironmentCommit & { services: Map<string, ServiceState> })[] = [];
  #headId: string | null = null;
  readonly #listeners: (() => void)[] = [];

  async head(): Promise<EnvironmentCommit | null> {
    return this.#headId === null ? null : this.#find(this.#headId);
  }

  async read(commit: string): Promise<Map<string, ServiceState>> {
    return new Map(this.#find(commit).services);
  }

  async commit(
    change: Parameters<EnvironmentRepository["commit"]>[0],
  ): Promise<{ commit: EnvironmentCommit } | { conflict: string | null }> {
    if (change.parent !== this.#headId) return { conflict: this.#headId };
    const services = new Map(this.#headId === null ? [] : this.#find(this.#headId).services);
    if (change.state === null) services.delete(change.service);
    else services.set(change.service, change.state);
    const message = `${change.subject}\n\n${change.body}`;
    return { commit: this.#add(services, "Slipway", message, change.trailers, change.parent) };
  }

  /** A person's push on top of the head, or beside everything (`parent` null). */
  push(
    states: ServiceState[],
    options: { trailers?: Record<string, string>; orphan?: boolean } = {},
  ): EnvironmentCommit {
    const parent = options.orphan ? null : this.#headId;
    const services = new Map(parent === null ? [] : this.#find(parent).services);
    for (const state of states) services.set(state.name, state);
    const commit = this.#add(services, "ada", "by hand", options.trailers ?? {}, parent);
    for (const listener of this.#listeners) listener();
    return commit;
  }

  async history(range: { since: string | null; until: string }): Promise<EnvironmentCommit[]> {
    const found: EnvironmentCommit[] = [];
    for (let id: string | null = range.until; id !== null && id !== range.since;) {
      const commit: EnvironmentCommit = this.#find(id);
      found.unshift(commit);
      id = commit.parent;
    }
    return found;
  }

  async isAncestor(ancestor: string, descendant: string): Promise<boolean> {
    for (let id: string | null = descendant; id !== null; id = this.#find(id).parent) {
      if (id === ancestor) return true;
    }
    return false;
  }

  onPush(listener: () => void): void {
    this.#listeners.push(listener);
  }

  headState(service: string): ServiceState | undefined {
    return this.#headId === null ? undefined : this.#find(this.#headId).services.get(service);
  }

  #find(id: string): (typeof this.commits)[number] {
    const commit = this.commits.find((commit) => commit.commit === id);
    if (!commit) throw new Error(`no commit ${id}`);
    return commit;
  }

  #add(
    services: Map<string, ServiceState>,
    author: string,
    message: string,
    trailers: Record<string, string>,
    parent: string | null,
  ): EnvironmentCommit {
    const order = (parent === null ? 0 : this.#find(parent).order) + 1;
    const commit = `c${this.commits.length + 1}`.padEnd(12, "0");
    const entry = { commit, parent, order, author, at: 0, message, trailers, services };
    this.commits.push(entry);
    this.#headId = commit;
    return entry;
  }
}

/** How a version behaves: what share of its answers fail, or are wrong by their label. */
export interface Behaviour {
  fails: number;
  wrong?: number;
  /** Milliseconds of the fastest answers, half of the slowest's; 10 unless told. */
  latency?: number;
  /** Why it can't be loaded. */
  broken?: string;
  /** It never becomes ready, for this cause. */
  stuck?: { code: string; message: string };
  /** Hash of its files; its version's number unless told. */
  files?: string;
  /** Its answer to its own example. */
  example?: string;
}

/** Serves in memory; refuses and records what must never happen. */
class FakeBackend implements ServingBackend {
  readonly rules = new Map<string, TrafficRule>();
  readonly variants = new Set<string>();
  readonly counters = new Map<string, OutcomeCounter>();
  readonly log: PredictionRecord[] = [];
  readonly violations: string[] = [];
  readonly stops: number[] = [];
  /** Calls of `prepare` that haven't ended. */
  waiting = 0;
  incarnation = "i1";
  stopped = new Set<string>();

  environment: Pick<EnvironmentRepository, "read">;
  readonly versions: Map<number, Behaviour>;
  readonly #clock: Clock;

  constructor(
    environment: Pick<EnvironmentRepository, "read">,
    versions: Map<number, Behaviour>,
    clock: Clock,
  ) {
    this.environment = environment;
    this.versions = versions;
    this.#clock = clock;
  }

  async prepare(spec: { service: string; version: number }, signal: AbortSignal): Promise<void> {
    const { broken, stuck } = this.versions.get(spec.version) ?? {};
    if (broken !== undefined) throw new SlipwayError("MODEL_LOAD_FAILED", broken);
    this.variants.add(`${spec.service}/${spec.version}`);
    if (stuck === undefined) return;
    this.waiting++;
    try {
      await this.#clock.sleep(600_000, signal);
    } finally {
      this.waiting--;
      this.variants.delete(`${spec.service}/${spec.version}`);
    }
  }

  async probe(ref: { version: number }): Promise<{ status: number; body: string }> {
    return { status: 200, body: this.versions.get(ref.version)?.example ?? "right" };
  }

  async remove(ref: { service: string; version: number }): Promise<void> {
    const rule = this.rules.get(ref.service);
    if (rule?.champion === ref.version || rule?.challenger === ref.version) {
      throw new SlipwayError("CONFLICT", "a rule names it");
    }
    this.variants.delete(`${ref.service}/${ref.version}`);
  }

  async route(rule: TrafficRule): Promise<void> {
    const before = this.rules.get(rule.service);
    if (before && before.order > rule.order) throw new SlipwayError("CONFLICT", "older");
    const said = (await this.environment.read(rule.commit)).get(rule.service);
    const isSaid =
      said?.champion === rule.champion &&
      said.challenger === rule.challenger &&
      said.weight / 100 === rule.share &&
      said.shadow === (rule.shadow === undefined ? undefined : rule.shadow * 100);
    if (!isSaid) this.violations.push(`rule of ${rule.commit} isn't what the commit says`);
    for (const version of [rule.champion, rule.challenger]) {
      if (version !== undefined && !this.variants.has(`${rule.service}/${version}`)) {
        this.violations.push(`version ${version} routed unprepared`);
      }
    }
    if (before?.commit !== rule.commit) this.stopped.delete(rule.service);
    this.rules.set(rule.service, rule);
  }

  async unroute(service: string): Promise<void> {
    this.rules.delete(service);
  }

  async stopChallenger(service: string, version: number): Promise<void> {
    this.stops.push(version);
    if (this.rules.get(service)?.challenger === version) this.stopped.add(service);
  }

  async state(): ReturnType<ServingBackend["state"]> {
    const variants = [...this.variants].map((variant) => {
      const [service = "", version = ""] = variant.split("/");
      const obstacle = this.versions.get(Number(version))?.stuck;
      return { service, version: Number(version), workers: [], ...(obstacle && { obstacle }) };
    });
    return { rules: [...this.rules.values()], variants };
  }

  async outcomes(): ReturnType<ServingBackend["outcomes"]> {
    return {
      at: this.#clock.now(),
      incarnation: this.incarnation,
      counters: structuredClone([...this.counters.values()]),
      shadows: [],
    };
  }

  async predictions(
    cursor: string,
    limit: number,
    services: readonly string[],
  ): ReturnType<ServingBackend["predictions"]> {
    const from = Number(cursor === "" ? 0 : cursor);
    const read = this.log.slice(from, from + limit);
    const records = read.filter(({ service }) => services.includes(service));
    const end = from + read.length;
    return { records, cursor: String(end), gap: false, isEnd: end >= this.log.length };
  }

  async logs(): Promise<string[]> {
    return [];
  }

  /** That many requests at the rates of the versions, as exact as whole numbers allow. */
  serve(service: string, requests: number, options: { predictions?: boolean } = {}): void {
    const rule = this.rules.get(service);
    if (!rule) return;
    const isStopped = this.stopped.has(service);
    const { champion, challenger } = rule;
    if (challenger !== undefined && rule.shadow !== undefined && !isStopped) {
      // Of each pair a coin takes one outcome; what wasn't copied tells of the champion alone.
      const copied = Math.round(requests * rule.shadow);
      const taken = Math.floor(copied / 2);
      this.#count(rule, "champion", champion, requests - copied, { ...options, share: 0 });
      this.#count(rule, "champion", champion, copied - taken, { ...options, share: 0.5 });
      this.#count(rule, "challenger", challenger, taken, { ...options, share: 0.5 });
      return;
    }
    const share = isStopped ? 0 : rule.share;
    const toChallenger = challenger === undefined ? 0 : Math.round(requests * share);
    this.#count(rule, "champion", champion, requests - toChallenger, { ...options, share, isStopped });
    if (toChallenger > 0 && challenger !== undefined) {
      this.#count(rule, "challenger", challenger, toChallenger, { ...options, share, isStopped });
    }
  }

  #count(
    rule: TrafficRule,
    arm: "champion" | "challenger",
    version: number,
    units: number,
    options: { predictions?: boolean; share: number; isStopped?: boolean },
  ): void {
    if (units === 0) return;
    const { share } = options;
    const epoch = options.isStopped ? `${rule.commit}!` : rule.commit;
    const key = `${rule.service} ${version} ${arm} ${epoch} ${share} ${this.incarnation}`;
    const counter: OutcomeCounter = this.counters.get(key) ?? {
      service: rule.service,
      version,
      epoch,
      share,
      arm,
      incarnation: this.incarnation,
      started: 0,
      finished: 0,
      failed: 0,
      aborted: 0,
      fellBack: 0,
      latency: { counts: [], sum: 0 },
      abortedLatency: { counts: [], sum: 0 },
    };
    const behaviour = this.versions.get(version) ?? { fails: 0 };
    counter.started += units;
    counter.finished += units;
    counter.failed = Math.floor(counter.finished * behaviour.fails);
    if (arm === "challenger" && rule.fallback) counter.fellBack = counter.failed;
    const took = behaviour.latency ?? 10;
    // Forty equal parts from that time to nearly twice as long; their sum is what has finished.
    const counts = Array.from({ length: 40 }, (_, i): [number, number] => [
      latencyBucket(took * (1 + i / 40)),
      Math.floor((counter.finished + i) / 40),
    ]);
    counter.latency = { counts: counts.filter(([, count]) => count > 0), sum: 0 };
    this.counters.set(key, counter);
    for (let i = 0; options.predictions === true && i < units; i++) {
      const isWrong = ((this.log.length * 7919) % 1000) / 1000 < (behaviour.wrong ?? 0);
      this.log.push({
        requestId: `r${this.log.length}`,
        at: 0,
        service: rule.service,
        version,
        epoch,
        share,
        arm,
        status: 200,
        prediction: [isWrong ? "b" : "a"],
      });
    }
  }
}

class FakeRegistry implements Registry {
  readonly aliases = new Map<string, number>();
  readonly known: Map<number, Behaviour>;
  handler: (model: string, version: number) => Promise<void> = async () => {};

  constructor(known: Map<number, Behaviour>) {
    this.known = known;
  }
  async ensureModel(): Promise<void> {}
  async createVersion(): Promise<ModelVersion> {
    throw new Error("not here");
  }
  async getVersion(model: string, version: number): Promise<ModelVersion | undefined> {
    if (!this.known.has(version)) return undefined;
    const rest = { source: "", runId: "", createdAt: 0, aliases: [], tags: {} };
    return { model, version, artifactPath: `${version}`, ...rest };
  }
  async listVersions(): Promise<ModelVersion[]> {
    return [];
  }
  async setVersionTags(): Promise<void> {}
  async projectAlias(_model: string, alias: string, version: number | null): Promise<void> {
    if (version === null) this.aliases.delete(alias);
    else this.aliases.set(alias, version);
  }
  onChampionRequested(handler: ChampionHandler): void {
    this.handler = async (model, version) => void (await handler("default", model, version));
  }
}

/** A clock that moves only when told. */
class FakeClock implements Clock {
  time = 1_700_000_000_000;
  #jumped = 0;
  now(): number {
    return this.time;
  }
  ticks(): number {
    return this.time - this.#jumped;
  }
  /** Somebody sets the machine's clock. */
  jump(ms: number): void {
    this.time += ms;
    this.#jumped += ms;
  }
  readonly #asleep = new Set<() => void>();
  /** How many wait. */
  get sleepers(): number {
    return this.#asleep.size;
  }
  /** However long they wanted to wait; `behind`: only those that came after so many. */
  wake(behind = 0): void {
    for (const done of [...this.#asleep].slice(behind)) {
      done();
      this.#asleep.delete(done);
    }
  }
  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#asleep.add(resolve);
      const end = (): void => {
        this.#asleep.delete(resolve);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener("abort", end, { once: true });
    });
  }
}

/** Everything around a controller; outlives it. */
export class World {
  readonly clock = new FakeClock();
  readonly versions = new Map<number, Behaviour>();
  readonly environment = new FakeEnvironment();
  readonly backend = new FakeBackend(this.environment, this.versions, this.clock);
  readonly registry = new FakeRegistry(this.versions);
  readonly db = memoryDatabase(rolloutMigrations);
  readonly events: { kind: string; message: string; subjects: readonly string[] }[] = [];
  #ids = 0;

  deps(): RolloutDeps {
    const ids: Ids = {
      hex: () => String(++this.#ids),
      sortable: (prefix) => `${prefix}-${String(++this.#ids).padStart(6, "0")}`,
    };
    return {
      db: this.db,
      clock: this.clock,
      ids,
      events: {
        emit: async (event) => void this.events.push(event),
        list: async () => [],
        async *follow() {},
      },
      backend: this.backend,
      environment: this.environment,
      registry: this.registry,
      models: {
        materialise: async (path) => {
          const sha256 = this.versions.get(Number(path))?.files ?? path;
          return { modelDir: `/models/${path}`, sha256, format: "onnx" };
        },
        find: async (sha256) => ({ modelDir: `/models/${sha256}`, format: "onnx" }),
      },
      contract: {
        read: async () => ({ request: { inputs: [] }, response: { outputs: [] } }),
        compare: (_contract, _status, body) => (body === "right" ? null : `answered ${body}`),
      },
      defaults: { policy, serving },
      log: () => {},
    };
  }

  request(version: number, changes: Partial<RolloutRequest> = {}): RolloutRequest {
    return {
      key: `pr-${version}`,
      project: "p",
      commit: "abc",
      pipelineRunId: `pr-${version}`,
      model: "m",
      version,
      policy,
      serving,
      requestedBy: "ada",
      ...changes,
    };
  }

  /** Passes until there is nothing to do at once. */
  async settle(rollouts: Rollouts, service = "m"): Promise<void> {
    for (let i = 0; i < 100; i++) {
      const action = await rollouts.pass(service);
      if (!action || action.do === "wait") return;
    }
    throw new Error("never settles");
  }

  /** Time and traffic until the condition holds. */
  async run(
    rollouts: Rollouts,
    until: () => Promise<boolean>,
    options: { perTick?: number; ticks?: number; predictions?: boolean } = {},
  ): Promise<void> {
    for (let i = 0; i < (options.ticks ?? 400); i++) {
      await this.settle(rollouts);
      if (await until()) return;
      this.clock.time += 200;
      this.backend.serve("m", options.perTick ?? 200, options);
    }
    throw new Error(`not reached; events: ${this.events.map((event) => event.message).join(" | ")}`);
  }

  async rollout(version: number): Promise<{ state: string; reason: string | null; sentence: string }> {
    const row = await this.db.read((tx) =>
      tx.get<{ state: string; reason: string | null; sentence: string }>(
        "SELECT state, reason, sentence FROM rollouts WHERE version = ? ORDER BY seq DESC LIMIT 1",
        [version],
      ),
    );
    if (!row) throw new Error(`no rollout of version ${version}`);
    return row;
  }

  async state(version: number): Promise<string> {
    return (await this.rollout(version)).state;
  }

  open(deps = this.deps()): Rollouts {
    return createRollouts(deps);
  }
}
