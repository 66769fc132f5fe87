/** One write that waits, as far as its place in the line is concerned. */
export interface Queued {
  /** What it is about; undefined: it runs alone. */
  scope: string | undefined;
}

/** Writes for one transaction. */
export interface Group<Write> {
  writes: Write[];
  /** Undefined: the group runs alone. */
  scopes: Set<string> | undefined;
}

/**
 * The line of writes, first come first served for each thing: writes about different things may go into transactions
 * that run at the same time; a write without a scope waits until all of these have ended, and later ones wait for it.
 */
export class Queue<Write extends Queued> {
  readonly #lanes: number;
  readonly #most: number;
  readonly #busy = new Set<string>();
  #waiting: Write[] = [];
  #running = 0;
  #isAlone = false;

  /** `lanes` transactions at a time, of at most `most` writes each. */
  constructor(lanes: number, most: number) {
    this.#lanes = lanes;
    this.#most = most;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#running === 0;
  }

  get length(): number {
    return this.#waiting.length;
  }

  add(write: Write): void {
    this.#waiting.push(write);
  }

  /** The next group that may run now; `done` must be called with it. */
  next(): Group<Write> | undefined {
    const [head] = this.#waiting;
    if (!head || this.#isAlone || this.#running >= this.#lanes) return undefined;
    if (head.scope === undefined) return this.#running > 0 ? undefined : this.#alone();
    const scopes = new Set<string>();
    const writes = this.#takeScoped(scopes);
    if (writes.length === 0) return undefined;
    for (const scope of scopes) this.#busy.add(scope);
    this.#running++;
    return { writes, scopes };
  }

  /** The group has ended; writes that it didn't come to are first in the line again. */
  done(group: Group<Write>, left: readonly Write[]): void {
    this.#running--;
    if (group.scopes === undefined) this.#isAlone = false;
    else for (const scope of group.scopes) this.#busy.delete(scope);
    if (left.length > 0) this.#waiting = [...left, ...this.#waiting];
  }

  /** Whoever runs alone may take along what has a scope: nothing else runs meanwhile. */
  #alone(): Group<Write> {
    this.#isAlone = true;
    this.#running++;
    return { writes: this.#waiting.splice(0, this.#most), scopes: undefined };
  }

  #takeScoped(scopes: Set<string>): Write[] {
    // An equal share for every lane that is free: together they end sooner than one that took all.
    const share = Math.ceil(this.#waiting.length / (this.#lanes - this.#running));
    const most = Math.min(this.#most, share);
    const taken: Write[] = [];
    const kept: Write[] = [];
    let at = 0;
    for (; at < this.#waiting.length && taken.length < most; at++) {
      const write = this.#waiting[at] as Write;
      if (write.scope === undefined) break;
      if (this.#busy.has(write.scope)) {
        kept.push(write);
      } else {
        scopes.add(write.scope);
        taken.push(write);
      }
    }
    if (taken.length > 0) this.#waiting = [...kept, ...this.#waiting.slice(at)];
    return taken;
  }
}
