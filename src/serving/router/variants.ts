import { SlipwayError } from "../../http/errors.ts";
import type { VariantRef, VariantSpec, VariantState } from "../backend.ts";
import { VariantPool } from "./variant-pool.ts";
import type { LivingWorker } from "./worker-host.ts";
import type { SlotDeps, WorkerSlot } from "./worker-slot.ts";

const DRAIN_MS = 30_000;
/** Variants that may be prepared at once on one machine. */
const MAX_VARIANTS = 200;

/** All prepared variants, by service and version. */
export class Variants {
  readonly #deps: SlotDeps;
  readonly #pools = new Map<string, VariantPool>();

  constructor(deps: SlotDeps) {
    this.#deps = deps;
    deps.host.listen({
      spawned: (id, pid) => this.#slot(id)?.onSpawned(pid),
      ready: (id) => void this.#slot(id)?.onReady(),
      exited: (exit) => this.#slot(exit.id)?.onExit(exit),
    });
  }

  find(ref: VariantRef): VariantPool | undefined {
    return this.#pools.get(keyOf(ref));
  }

  specs(): VariantSpec[] {
    return [...this.#pools.values()].map((pool) => pool.spec);
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
    const present = this.find(spec);
    if (present !== undefined) {
      if (present.spec.modelDir === spec.modelDir) return { pool: present, isNew: false };
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
    for (const pool of this.#pools.values()) pool.detach();
  }

  #slot(id: string): WorkerSlot | undefined {
    for (const pool of this.#pools.values()) {
      const slot = pool.slot(id);
      if (slot !== undefined) return slot;
    }
    return undefined;
  }
}

function keyOf({ service, version }: VariantRef): string {
  return `${version} ${service}`;
}

/** Those that fit into the variant's places, and the rest. */
function partition(living: readonly LivingWorker[], spec: VariantSpec): [LivingWorker[], LivingWorker[]] {
  const fits = living.filter(({ worker }) => worker.modelDir === spec.modelDir).slice(0, spec.workers);
  return [fits, living.filter((worker) => !fits.includes(worker))];
}
