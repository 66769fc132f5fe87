/** Of a service: a challenger that answers slowly must not take the memory that callers' own requests need. */
const MAX_COPIES = 64;
const MAX_COPY_BYTES = 32 * 1024 * 1024;

const NONE = { copies: new Set<Copy>(), bytes: 0 } as const;

/** A copy of a request that a shadowed challenger works on. */
export interface Copy {
  readonly service: string;
  /** The challenger's. */
  readonly version: number;
  readonly bytes: number;
  /** Ends it now; nobody is waiting for its answer. */
  end(): void;
}

/** The copies that were sent and not answered yet, bounded per service. */
export class CopiesUnderWay {
  readonly #services = new Map<string, { copies: Set<Copy>; bytes: number }>();

  hasRoom(service: string, bytes: number): boolean {
    const { copies, bytes: held } = this.#services.get(service) ?? NONE;
    return copies.size < MAX_COPIES && held + bytes <= MAX_COPY_BYTES;
  }

  add(copy: Copy): void {
    const present = this.#services.get(copy.service) ?? { copies: new Set(), bytes: 0 };
    present.copies.add(copy);
    present.bytes += copy.bytes;
    this.#services.set(copy.service, present);
  }

  delete(copy: Copy): void {
    const present = this.#services.get(copy.service);
    if (present?.copies.delete(copy) !== true) return;
    present.bytes -= copy.bytes;
    if (present.copies.size === 0) this.#services.delete(copy.service);
  }

  /** Ends a service's copies, except those that go to one of the versions kept. */
  end(service: string, kept: readonly (number | undefined)[] = []): void {
    for (const copy of this.#services.get(service)?.copies ?? [])
      if (!kept.includes(copy.version)) copy.end();
  }

  endAll(): void {
    for (const service of this.#services.keys()) this.end(service);
  }
}
