import { SlipwayError } from "../../http/errors.ts";
import type { VariantRef, VariantSpec, VariantState } from "../backend.ts";
import { VariantPool } from "./variant-pool.ts";
import type { LivingWorker, WorkerExit } from "./worker-host.ts";
import type { WorkerSlot } from "./worker-slot.ts";
import type { WorkforceDeps } from "./workforce.ts";

const DRAIN_MS = 30_000;
/** Variants that may be prepared at once on one machine. */
const MAX_VARIANTS = 1_000;
const LOOK_EVERY_MS = 250;
/** A look that comes so much too late says that the machine, or this process, stood still. */
const LATE_MS = 1_000;

/** All prepared variants, by service and version. */
export class Variants {
  readonly #deps: WorkforceDeps;
  readonly #pools = new Map<string, VariantPool>();
  readonly #timer: NodeJS.Timeout;
  #lookedAt: number;

  constructor(deps: WorkforceDeps) {
    this.#deps = deps;
    this.#lookedAt = deps.clock.now();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
    deps.host.listen({
      spawned: (id, pid) => this.#slot(id)?.onSpawned(pid),
      ready: (id) => void this.#slot(id)?.onReady(),
      exited: (exits) => this.#exited(exits),
    });
  }

  find(ref: VariantRef): VariantPool | undefined {
    return this.#pools.get(keyOf(ref));
  }

  specs(): VariantSpec[] {
    return [...this.#pools.values()].map((pool) => pool.spec);
  }

  pools(): Iterable<VariantPool> {
    return this.#pools.values();
  }

  states(): VariantState[] {
    return [...this.#pools.values()].map((pool) => pool.state());
  }

  /** Brings back what the snapshot names, with the workers that still live; others that live are ended. */
  restore(specs: readonly VariantSpec[]): void {
    const byVariant = new Map<string, LivingWorker[]>();
    for (const living of this.#deps.host.living) {
      const key = keyOf(living.worker);
      byVariant.set(key, [...(byVariant.get(key) ?? []), living]);
    }
    for (const spec of specs) {
      const pool = new VariantPool(spec, this.#deps);
      this.#pools.set(keyOf(spec), pool);
      const [adopted, others] = partition(byVariant.get(keyOf(spec)) ?? [], spec);
      byVariant.set(keyOf(spec), others);
      pool.start(adopted);
    }
    for (const { worker } of [...byVariant.values()].flat()) this.#deps.host.end(worker.id, "drain");
  }

  /** The pool of a variant, made when there is none; CONFLICT when it is prepared from other files. */
  prepare(spec: VariantSpec): { pool: VariantPool; isNew: boolean } {
    this.#refuseElsewhere(spec);
    const present = this.find(spec);
    if (present !== undefined) {
      if (present.spec.modelDir === spec.modelDir) {
        present.adjust(spec);
        return { pool: present, isNew: false };
      }
      throw new SlipwayError(
        "CONFLICT",
        `version ${spec.version} of ${spec.service} is prepared from other files`,
        {
          where: `version/${spec.service}/${spec.version}`,
        },
      );
    }
    if (this.#pools.size >= MAX_VARIANTS)
      throw new SlipwayError("UNAVAILABLE", `${MAX_VARIANTS} versions are prepared already`, {
        hint: "Remove services that are no longer wanted.",
      });
    const pool = new VariantPool(spec, this.#deps);
    this.#pools.set(keyOf(spec), pool);
    pool.start();
    return { pool, isNew: true };
  }

  /** Drains and ends; nothing happens when it isn't prepared. */
  async remove(ref: VariantRef): Promise<void> {
    const pool = this.find(ref);
    if (pool === undefined) return;
    this.#pools.delete(keyOf(ref));
    await pool.drain(DRAIN_MS);
  }

  detach(): void {
    clearInterval(this.#timer);
    for (const pool of this.#pools.values()) pool.detach();
  }

  /** Workers that shared a process end together; who did it, when that is known, is told to the others. */
  #exited(exits: readonly WorkerExit[]): void {
    const { placement } = this.#deps;
    const ended = exits.flatMap((exit) => {
      const pool = this.#poolOf(exit.id);
      const slot = pool?.slot(exit.id);
      return pool === undefined || slot === undefined ? [] : [{ exit, pool, slot }];
    });
    const cause = ended.length > 1 ? ended.find(({ slot }) => slot.endReason !== undefined) : undefined;
    const suspect = cause ?? ended.find(({ exit }) => placement.isSuspect(exit.id));
    const because =
      suspect === undefined ? undefined : describe(suspect.pool.spec, suspect.slot, suspect.exit);
    suspect?.pool.setApart();
    for (const { id } of exits) placement.leave(id);
    for (const { exit, pool, slot } of ended) slot.onExit(exit, pool === suspect?.pool ? undefined : because);
  }

  #look(): void {
    const now = this.#deps.clock.now();
    const isLate = now - this.#lookedAt > LOOK_EVERY_MS + LATE_MS;
    this.#lookedAt = now;
    for (const pool of this.#pools.values()) pool.look(now, isLate);
  }

  #poolOf(workerId: string): VariantPool | undefined {
    for (const pool of this.#pools.values()) if (pool.slot(workerId) !== undefined) return pool;
    return undefined;
  }

  /** A model runs on this machine or in pods, as this router was started. */
  #refuseElsewhere({ service, version, endpoints }: VariantSpec): void {
    const inPods = this.#deps.addressOf !== undefined;
    if (inPods === (endpoints !== undefined)) return;
    throw new SlipwayError("VARIANT_NOT_READY", `version ${version} of ${service} can't run here`, {
      where: `version/${service}/${version}`,
      given: inPods ? "no endpoints" : "endpoints of pods",
      allowed: inPods ? "the endpoints of its pods" : "workers of this machine",
    });
  }

  #slot(id: string): WorkerSlot | undefined {
    return this.#poolOf(id)?.slot(id);
  }
}

/** What a worker says that ended because of another one in its process. */
function describe(
  { service, version }: VariantRef,
  { endReason }: WorkerSlot,
  { signal, code }: WorkerExit,
): string {
  const how = endReason ?? (signal === null ? `exit code ${code ?? "unknown"}` : `signal ${signal}`);
  return `its process ended (${how}), most likely by version ${version} of ${service}, which shared it`;
}

function keyOf({ service, version }: VariantRef): string {
  return `${version} ${service}`;
}

/** Those that fit into the variant's places, and the rest. */
function partition(living: readonly LivingWorker[], spec: VariantSpec): [LivingWorker[], LivingWorker[]] {
  const fits = living.filter(({ worker }) => worker.modelDir === spec.modelDir).slice(0, most(spec));
  return [fits, living.filter((worker) => !fits.includes(worker))];
}

function most({ workers, scale }: VariantSpec): number {
  return Math.max(1, workers, scale?.max ?? 0);
}
