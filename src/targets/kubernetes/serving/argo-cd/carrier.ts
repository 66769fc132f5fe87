import type { Clock } from "../../../../base/clock.ts";
import { SlipwayError } from "../../../../http/errors.ts";
import type { ClusterClient } from "../../cluster/client.ts";
import type { ObjectIdentity } from "../../object.ts";
import type { Cause } from "../causes.ts";
import type { Carrier } from "../deps.ts";
import { MANAGER } from "../names.ts";
import { ASKED, REFRESH, failuresOf, isBusy, isUnheard, standingOf, wordsOf } from "./application.ts";
import type { Application } from "./application.ts";

export interface ArgoCdCarrierDeps {
  client: ClusterClient;
  clock: Clock;
  signal: AbortSignal;
  log(error: unknown, where: string): void;
  /** The Application that follows the branch. */
  application: { namespace: string; name: string };
  /** Longest wait for a commit; default a minute. */
  waitMs?: number;
}

/** Somebody waits for a commit to be in force. */
interface Waiting {
  order: number;
  files: ReadonlyMap<string, string>;
  until: number;
  /** A sync that had failed before this one came: it is asked for once more. */
  past?: string;
  isLookedAt: boolean;
  /** Argo CD was told of it. */
  isAsked: boolean;
  settle(outcome: ReadonlyMap<string, Cause> | Error): void;
}

const WAIT_MS = 60_000;
/** Once it has let somebody wait in vain, until it is heard of again: callers come again by themselves. */
const AWAY_WAIT_MS = 5_000;
const LOOK_MS = 100;
/** A request that was lost, as with a Git that didn't answer, is made again. */
const ASK_AGAIN_MS = 5_000;
/** A sync that failed isn't tried again by Argo CD for the same commit: whether there is such a one is looked at so often. */
const TEND_MS = 30_000;
/** Commits whose order is kept. */
const KEPT = 1_000;

/**
 * Has Argo CD carry the branch out, and does nothing of it itself: asks its Application to look at once, waits until it has done
 * what the commit says, and tells what it was refused. Putting changes back and removing what left the branch is the
 * Application's own (`selfHeal`, `prune`).
 */
export class ArgoCdCarrier implements Carrier {
  readonly #deps: ArgoCdCarrierDeps;
  readonly #identity: ObjectIdentity;
  /** Of the branch's commits, in the order in which they were made: later ones hold the earlier. */
  readonly #orders = new Map<string, number>();
  readonly #waiting = new Set<Waiting>();
  #isFollowing = false;
  #isAway = false;
  #latest = 0;
  #asks = 0;

  constructor(deps: ArgoCdCarrierDeps) {
    this.#deps = deps;
    this.#identity = { group: "argoproj.io", kind: "Application", ...deps.application };
  }

  /** GITOPS_STALLED when Argo CD isn't done in time, with what it says. */
  carryOut(
    commit: string,
    files: ReadonlyMap<string, string>,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Cause>> {
    const { clock, waitMs = WAIT_MS } = this.#deps;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const onAbort = (): void => waiting.settle(signal?.reason as Error);
      const waiting: Waiting = {
        order: this.#orderOf(commit),
        files,
        isLookedAt: false,
        isAsked: false,
        until: clock.now() + (this.#isAway ? Math.min(AWAY_WAIT_MS, waitMs) : waitMs),
        settle: (outcome) => {
          this.#waiting.delete(waiting);
          signal?.removeEventListener("abort", onAbort);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiting);
      void this.#follow();
    });
  }

  /** Asks once more for a sync that failed and that nobody waits for, until the signal is aborted. */
  async tend(): Promise<void> {
    const { clock, signal, log } = this.#deps;
    while (!signal.aborted) {
      await clock.sleep(TEND_MS, signal).catch(() => undefined);
      if (signal.aborted || this.#isFollowing || this.#orders.size === 0) continue;
      try {
        const app = await this.#read();
        if (standingOf(app, (revision) => this.#isIn(this.#latest, revision)).is === "failed" && !isBusy(app))
          await this.#ask(app, true);
      } catch (error) {
        log(error, "looking after what Argo CD delivers");
      }
    }
  }

  #orderOf(commit: string): number {
    const known = this.#orders.get(commit);
    if (known !== undefined) return known;
    this.#orders.set(commit, (this.#latest += 1));
    const [oldest] = this.#orders.keys();
    if (this.#orders.size > KEPT && oldest !== undefined) this.#orders.delete(oldest);
    return this.#latest;
  }

  #isIn(order: number, revision: string): boolean {
    return (this.#orders.get(revision) ?? 0) >= order;
  }

  /** One loop for all who wait. */
  async #follow(): Promise<void> {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    const { clock, signal } = this.#deps;
    let askedAt = Number.NEGATIVE_INFINITY;
    let words = "nothing was heard of it";
    while (this.#waiting.size > 0 && !signal.aborted) {
      try {
        const app = await this.#read();
        words = wordsOf(app);
        this.#settle(app);
        const told = [...this.#waiting].filter(({ isAsked }) => !isAsked);
        if (told.length > 0 || (this.#waiting.size > 0 && clock.now() - askedAt >= ASK_AGAIN_MS)) {
          askedAt = clock.now();
          await this.#ask(
            app,
            told.some(({ past }) => past !== undefined),
          );
          // A sync that is under way is waited for before another one is asked for.
          for (const waiting of told) waiting.isAsked = waiting.past === undefined || !isBusy(app);
        }
      } catch (error) {
        words = (error as Error).message;
      }
      this.#expire(words);
      if (this.#waiting.size > 0) await clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
    this.#isFollowing = false;
    for (const waiting of this.#waiting) waiting.settle(signal.reason as Error);
  }

  #settle(app: Application): void {
    if (!isUnheard(app)) this.#isAway = false;
    for (const waiting of this.#waiting) {
      const standing = standingOf(app, (revision) => this.#isIn(waiting.order, revision));
      const isFirst = !waiting.isLookedAt;
      waiting.isLookedAt = true;
      if (standing.is === "carried") waiting.settle(new Map());
      if (standing.is !== "failed" || standing.operation === waiting.past) continue;
      if (isFirst) waiting.past = standing.operation;
      else waiting.settle(failuresOf(app, waiting.files));
    }
  }

  #expire(words: string): void {
    const { clock, application } = this.#deps;
    for (const waiting of this.#waiting) {
      if (clock.now() < waiting.until) continue;
      this.#isAway = true;
      const what = `Argo CD's application ${application.namespace}/${application.name}`;
      waiting.settle(new SlipwayError("GITOPS_STALLED", `${what} hasn't carried the commit out: ${words}`));
    }
  }

  async #read(): Promise<Application> {
    const app = (await this.#deps.client.get(this.#identity, "v1alpha1")) as Application | undefined;
    if (app === undefined) throw new Error("there is no such application");
    return app;
  }

  /** `again`: also for a sync of a commit that it has tried before. */
  async #ask(app: Application, again: boolean): Promise<void> {
    const { client, application } = this.#deps;
    const asked = `${this.#deps.clock.now()} ${(this.#asks += 1)}`;
    const resource = await client.discovery.find(app.apiVersion, app.kind);
    if (resource === undefined) return;
    const sync = { prune: true, syncOptions: app.spec?.syncPolicy?.syncOptions ?? [] };
    const operation = {
      initiatedBy: { username: MANAGER },
      info: [{ name: ASKED, value: asked }],
      sync,
    };
    await client.merge(resource, application.namespace, application.name, {
      metadata: { annotations: { [REFRESH]: "normal", [ASKED]: asked } },
      ...(again && !isBusy(app) ? { operation } : {}),
    });
  }
}
