import { expect, test } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import { Election } from "../../src/store/leader-election.ts";
import type { Leader, LeaderRow } from "../../src/store/leader.ts";

/** Time that passes only where somebody sleeps or is held up. */
class HeldClock implements Clock {
  #now = 0;
  #sleepers: { until: number; wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      this.#sleepers.push({ until: this.#now + ms, wake: resolve });
    });
  }

  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const due = this.#sleepers.filter(({ until }) => until <= end).sort((a, b) => a.until - b.until)[0];
      if (due === undefined) break;
      this.#sleepers = this.#sleepers.filter((one) => one !== due);
      this.#now = Math.max(this.#now, due.until);
      due.wake();
    }
    this.#now = end;
  }

  /** As when the process does one long thing: its timers are late, and nobody else's time is. */
  stall(ms: number): void {
    this.#now += ms;
  }
}

/** All that hangs on promises which are settled already. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** The row as a database keeps it. */
class HeldRow implements LeaderRow {
  readonly #clock: Clock;
  #leader: { holder: string; epoch: number; expiresAt: number } | undefined;
  readonly #own: string;

  constructor(clock: Clock, own: string) {
    this.#clock = clock;
    this.#own = own;
  }

  async look(): Promise<Leader | undefined> {
    if (this.#leader === undefined) return undefined;
    const leftMs = this.#leader.expiresAt - this.#clock.now();
    return { ...this.#leader, address: this.#leader.holder, leftMs, isOver: leftMs < 0 };
  }

  async claim(seen: Leader | undefined, leaseMs: number): Promise<number | undefined> {
    return this.take(this.#own, (seen?.epoch ?? 0) + 1, leaseMs);
  }

  take(holder: string, epoch: number, leaseMs: number): number {
    this.#leader = { holder, epoch, expiresAt: this.#clock.now() + leaseMs };
    return epoch;
  }

  async renew(epoch: number, leaseMs: number): Promise<boolean> {
    if (this.#leader?.epoch !== epoch) return false;
    this.take(this.#own, epoch, leaseMs);
    return true;
  }

  async release(): Promise<void> {
    if (this.#leader !== undefined) this.#leader.expiresAt = this.#clock.now() - 1;
  }

  async close(): Promise<void> {}
}

function elected(): {
  clock: HeldClock;
  row: HeldRow;
  election: Election;
  isReady: () => void;
  lost: () => boolean;
} {
  const clock = new HeldClock();
  const row = new HeldRow(clock, "a");
  let isLost = false;
  let isReady!: () => void;
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  const election = new Election({
    row,
    clock,
    onLead: () => ready,
    onLost: () => (isLost = true),
    log: (error) => expect.fail(String(error)),
  });
  election.start();
  return { clock, row, election, isReady, lost: () => isLost };
}

const leads = { is: "leading", epoch: 1 };

test("who begins to lead isn't followed for being busy with it", async () => {
  const { clock, row, election } = elected();
  await clock.pass(10);
  expect(election.standing).toEqual(leads);
  clock.stall(20_000);
  expect(election.standing).toEqual(leads);
  expect((await row.look())?.isOver).toBe(false);
  await election.end();
});

test("who leads and isn't heard of for a lease does so no more, until it is renewed", async () => {
  const { clock, row, election, isReady } = elected();
  await clock.pass(10);
  isReady();
  await clock.pass(2_000);
  clock.stall(7_000);
  expect(election.standing).toBeUndefined();
  expect((await row.look())?.isOver).toBe(true);
  await clock.pass(1_000);
  expect(election.standing).toEqual(leads);
  await election.end();
});

test("who was followed meanwhile hears of it, and takes nothing back", async () => {
  const { clock, row, election, isReady, lost } = elected();
  await clock.pass(10);
  isReady();
  await clock.pass(2_000);
  clock.stall(7_000);
  row.take("b", 2, 6_000);
  await clock.pass(1_000);
  expect(lost()).toBe(true);
  await clock.pass(20_000);
  expect(election.standing).toBeUndefined();
  expect(await row.look()).toMatchObject({ holder: "b", epoch: 2 });
  await election.end();
});
