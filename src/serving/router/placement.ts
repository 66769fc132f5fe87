import type { VariantSpec } from "../backend.ts";
import type { WorkerConfig } from "../worker/config.ts";

/** A larger model has a process of its own. */
export const SMALL_MODEL_BYTES = 8 * 1024 * 1024;
/** Models of one process: their requests wait for each other, and one that crashes takes them all along. */
export const MAX_TOGETHER = 32;

const CLOSED_FOR_MS = 10 * 60_000;

interface Home {
  /** The workers in it, by id: the service of each. */
  readonly workers: Map<string, string>;
  /** False for a process that was started for one worker. */
  isShared: boolean;
  /** The one that it was given up to. */
  claimedBy: string | undefined;
  /** Nobody comes in before then, in milliseconds. */
  closedUntil: number;
  /** The worker that the process was busy with longest when it was lost. */
  suspect: { worker: string; since: number } | undefined;
}

/** Where a worker lives. */
export interface Place {
  process: string;
  isShared: boolean;
}

/**
 * Which worker lives in which process. Small models live together; versions of one service never do, so that neither
 * slows down the one that it is compared with.
 */
export class Placement {
  readonly #newProcess: () => string;
  readonly #now: () => number;
  readonly #homes = new Map<string, Home>();
  readonly #processOf = new Map<string, string>();

  /** @param newProcess makes short unique names: letters and digits */
  constructor(newProcess: () => string, now: () => number) {
    this.#newProcess = newProcess;
    this.#now = now;
  }

  place(worker: string, { service }: Pick<VariantSpec, "service">, isAlone: boolean): Place {
    let process = isAlone ? undefined : this.#openFor(service);
    if (process === undefined) {
      process = this.#newProcess();
      this.#homes.set(process, newHome(!isAlone));
    }
    this.#enter(worker, process, service);
    return { process, isShared: !isAlone };
  }

  /** Knows a worker that lives already. */
  adopt({ id, process, service, isShared }: WorkerConfig): void {
    if (!this.#homes.has(process)) this.#homes.set(process, newHome(isShared));
    this.#enter(id, process, service);
  }

  /** The worker goes, or has gone. */
  leave(worker: string): void {
    const process = this.#processOf.get(worker);
    this.#processOf.delete(worker);
    const home = process === undefined ? undefined : this.#homes.get(process);
    if (process === undefined || home === undefined) return;
    home.workers.delete(worker);
    // Names aren't used twice: a process that has lost its last worker ends.
    if (home.workers.size === 0) this.#homes.delete(process);
  }

  /** True when no other model is in its process; from then on none comes in. */
  claim(worker: string): boolean {
    const home = this.#homeOf(worker);
    if (home?.workers.size !== 1) return false;
    home.claimedBy = worker;
    return true;
  }

  /** Lets others in again. */
  release(worker: string): void {
    const home = this.#homeOf(worker);
    if (home?.claimedBy === worker) home.claimedBy = undefined;
  }

  /** Nobody else comes into a process that has trouble, for some time. */
  close(worker: string): void {
    const home = this.#homeOf(worker);
    if (home !== undefined) home.closedUntil = this.#now() + CLOSED_FOR_MS;
  }

  /** Others in its process. */
  neighbours(worker: string): number {
    return Math.max(0, (this.#homeOf(worker)?.workers.size ?? 1) - 1);
  }

  /** The connection to a worker was lost, or it is silent, while it worked on something since then. */
  suspect(worker: string, since: number): void {
    const home = this.#homeOf(worker);
    if (home === undefined) return;
    if (home.suspect === undefined || since < home.suspect.since) home.suspect = { worker, since };
  }

  /** It wasn't dead, only slow: it has answered. */
  acquit(worker: string): void {
    const home = this.#homeOf(worker);
    if (home?.suspect?.worker === worker) home.suspect = undefined;
  }

  /** True for the one of those together in a process that it most likely was busy with when it was lost. */
  isSuspect(worker: string): boolean {
    const home = this.#homeOf(worker);
    return home !== undefined && home.workers.size > 1 && home.suspect?.worker === worker;
  }

  #homeOf(worker: string): Home | undefined {
    return this.#homes.get(this.#processOf.get(worker) ?? "");
  }

  #enter(worker: string, process: string, service: string): void {
    this.#homes.get(process)?.workers.set(worker, service);
    this.#processOf.set(worker, process);
  }

  /** The fullest that takes it: few processes are cheaper than many. */
  #openFor(service: string): string | undefined {
    let best: string | undefined;
    let most = -1;
    for (const [process, { workers, isShared, claimedBy, closedUntil }] of this.#homes) {
      if (!isShared || claimedBy !== undefined || closedUntil > this.#now()) continue;
      if (workers.size >= MAX_TOGETHER || workers.size <= most) continue;
      if ([...workers.values()].includes(service)) continue;
      best = process;
      most = workers.size;
    }
    return best;
  }
}

function newHome(isShared: boolean): Home {
  return { workers: new Map(), isShared, claimedBy: undefined, closedUntil: 0, suspect: undefined };
}
