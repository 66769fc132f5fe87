/** One lane per project: what is added to it is worked on one after another, lanes side by side. */
export class Lanes {
  readonly #work: (id: string) => Promise<void>;
  readonly #lanes = new Map<
    string,
    { queue: string[]; active: { id: string; done: Promise<void> } | undefined }
  >();
  #closed = false;

  constructor(work: (id: string) => Promise<void>) {
    this.#work = work;
  }

  /** Queues it; nothing happens when it is in the lane already. */
  add(project: string, id: string): void {
    const lane = this.#lanes.get(project) ?? { queue: [], active: undefined };
    this.#lanes.set(project, lane);
    if (lane.active?.id === id || lane.queue.includes(id)) return;
    lane.queue.push(id);
    this.#pump(project);
  }

  /** Works on it now if it waits (its end needs no turn), and resolves when the work on it is done. */
  async hurry(project: string, id: string): Promise<void> {
    const lane = this.#lanes.get(project);
    if (lane?.active?.id === id) return lane.active.done;
    const at = lane?.queue.indexOf(id) ?? -1;
    if (!lane || at < 0) return undefined;
    lane.queue.splice(at, 1);
    return this.#work(id);
  }

  /** Starts nothing more and waits for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.active?.done));
  }

  #pump(project: string): void {
    const lane = this.#lanes.get(project);
    if (!lane || lane.active || this.#closed) return;
    const id = lane.queue.shift();
    if (id === undefined) {
      this.#lanes.delete(project);
      return;
    }
    const done = this.#work(id).finally(() => {
      lane.active = undefined;
      this.#pump(project);
    });
    lane.active = { id, done };
  }
}
