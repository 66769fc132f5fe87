import type { Clock } from "../../base/clock.ts";
import { toSlipwayError } from "../../http/errors.ts";
import type { Database } from "../../store/database.ts";
import { Alarm } from "./alarm.ts";
import { claimDeliveries, settleDelivery } from "./commands.ts";
import { dueDeliveries, nextDue, type DueDelivery } from "./queries.ts";
import { postSigned } from "./request.ts";
import { retryAt, verdictOf, type Verdict } from "./retry.ts";
import type { SecretBox } from "./secrets.ts";
import type { Post } from "./send.ts";
import type { WebhookSettings } from "./settings.ts";
import { deliveryId } from "./signature.ts";
import { parseTarget } from "./target.ts";

export interface DispatcherDeps {
  db: Database;
  clock: Clock;
  /** From 0 to 1. */
  random: () => number;
  settings: WebhookSettings;
  box: SecretBox;
  post: Post;
  /** Where a delivery that was given up is told, and a defect; never with the URL, which may hold a token. */
  log: (line: string, error?: unknown) => void;
}

export interface Dispatcher {
  /** There may be something to send. */
  wake(): void;
  /** Resolves when it has ended after its signal. */
  ended: Promise<void>;
}

/** Looks for deliveries without being woken: what another process has left behind. */
const LOOK_MS = 30_000;
/** After the deadline of an attempt, whoever made it is taken for dead. */
const LEASE_MARGIN_MS = 5_000;

/**
 * Sends what the outbox holds, at least once, each webhook's in their order and one at a time; what fails waits
 * and lets those behind it pass. It may be killed at any line: an attempt that nobody settled is made again.
 */
export function startDispatcher(deps: DispatcherDeps, signal: AbortSignal): Dispatcher {
  const { db, clock, settings, log } = deps;
  const alarm = new Alarm(clock);
  const busy = new Map<string, Promise<void>>();
  signal.addEventListener("abort", () => alarm.ring(), { once: true });

  async function pass(): Promise<number> {
    const free = settings.workers - busy.size;
    if (free > 0) {
      const now = clock.now();
      const due = await db.read((tx) => dueDeliveries(tx, { now, busy: [...busy.keys()], limit: free }));
      if (due.length > 0) {
        const until = now + settings.timeoutMs + LEASE_MARGIN_MS;
        const claimed = await db.write(claimDeliveries, { ids: due.map(({ id }) => id), now, until });
        for (const delivery of due) if (claimed.includes(delivery.id)) begin(delivery);
      }
    }
    if (busy.size >= settings.workers) return LOOK_MS;
    const next = await db.read((tx) => nextDue(tx, [...busy.keys()]));
    return next === undefined ? LOOK_MS : Math.min(LOOK_MS, Math.max(0, next - clock.now()));
  }

  function begin(delivery: DueDelivery): void {
    const work = deliver(deps, delivery, signal)
      .catch((error: unknown) => log("settle a webhook's delivery", error))
      .finally(() => {
        busy.delete(delivery.webhook_id);
        alarm.ring();
      });
    busy.set(delivery.webhook_id, work);
  }

  async function loop(): Promise<void> {
    while (!signal.aborted) {
      const wait = await pass().catch((error: unknown) => {
        if (!signal.aborted) log("look for webhooks' deliveries", error);
        return LOOK_MS;
      });
      if (!signal.aborted) await alarm.wait(wait);
    }
    await Promise.all(busy.values());
  }

  return { wake: () => alarm.ring(), ended: loop() };
}

async function deliver(deps: DispatcherDeps, delivery: DueDelivery, signal: AbortSignal): Promise<void> {
  const { db, clock, random, settings, log } = deps;
  const verdict = await attempt(deps, delivery, signal);
  if (signal.aborted && verdict.retry) {
    // Cut short by the platform's end: the attempt doesn't count.
    const retry = { at: clock.now(), attempts: delivery.attempts };
    return db.write(settleDelivery, { id: delivery.id, retry });
  }
  const attempts = delivery.attempts + 1;
  const again = verdict.retry && attempts <= settings.maxRetries;
  if (!again && verdict.problem !== undefined) {
    log(
      `webhook ${delivery.webhook_id}: ${delivery.event} was given up after ${attempts} attempts: ${verdict.problem}`,
    );
  }
  const at = retryAt(clock.now(), attempts, random(), verdict.retryAfterMs);
  await db.write(settleDelivery, { id: delivery.id, retry: again ? { at, attempts } : null });
}

/** A process that ended within an attempt makes it again; one that always ends there must not for ever. */
const MAX_UNFINISHED = 5;

async function attempt(deps: DispatcherDeps, delivery: DueDelivery, signal: AbortSignal): Promise<Verdict> {
  const { clock, settings, box, post } = deps;
  if (delivery.attempts > settings.maxRetries + MAX_UNFINISHED) {
    return { retry: false, problem: "no attempt came to its end" };
  }
  try {
    const answer = await postSigned(post, box, {
      url: parseTarget(delivery.url, settings),
      deliveryId: deliveryId(delivery.webhook_id, delivery.id),
      payload: delivery.payload,
      secret: delivery.secret,
      now: clock.now(),
      signal,
    });
    return verdictOf(answer);
  } catch (error) {
    const { code, message } = toSlipwayError(error);
    return { retry: code === "INTERNAL", problem: message };
  }
}
