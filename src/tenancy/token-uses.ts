import type { Clock } from "../base/clock.ts";
import type { Database } from "../store/database.ts";
import { noteTokenUses } from "./token-commands.ts";

/** Between two writes of when tokens were last used, in milliseconds. */
const WRITE_EVERY_MS = 30_000;
/** Tokens noted between two writes. */
const KEPT = 10_000;

/** When each token was last used: noted in memory at every use, written now and then, all in one command. */
export class TokenUses {
  readonly #db: Database;
  readonly #clock: Clock;
  #used = new Map<string, number>();

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  note(tokenId: string | null): void {
    if (tokenId === null || (this.#used.size >= KEPT && !this.#used.has(tokenId))) return;
    this.#used.set(tokenId, this.#clock.now());
  }

  /** Writes what was noted since the last time. */
  async flush(): Promise<void> {
    if (this.#used.size === 0) return;
    const uses = [...this.#used].map(([tokenId, at]) => ({ tokenId, at }));
    this.#used = new Map();
    await this.#db.write(noteTokenUses, { uses });
  }

  /** Writes until the signal is aborted. A kill -9 loses the last half minute of uses, and nothing else. */
  async run(signal: AbortSignal, onError: (error: unknown) => void): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(WRITE_EVERY_MS, signal).catch(() => undefined);
      await this.flush().catch(onError);
    }
  }
}
