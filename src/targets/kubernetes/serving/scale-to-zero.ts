import type { Clock } from "../../../base/clock.ts";
import type { AdminCalls, VariantDemand } from "../../../serving/admin/calls.ts";
import type { VariantRef } from "../../../serving/backend.ts";
import type { RuleBook } from "../../../serving/router/rule-book.ts";
import { namespaceOf, variantName } from "./names.ts";
import { isLeaving, isReady } from "./pods.ts";
import type { PodSource } from "./pods.ts";
import { podsOf } from "./pods-ready.ts";
import type { Replicas } from "./replicas.ts";
import type { Member } from "./serve-fleet.ts";
import { variantKey } from "./variant.ts";
import type { PodVariant } from "./variant.ts";

export interface ScaleToZeroDeps {
  pods: PodSource;
  clock: Clock;
  signal: AbortSignal;
  log(error: unknown, where: string): void;
  /** Serve pods, all of them: what one of them holds counts. */
  members(): Member[];
  variants(): Iterable<PodVariant>;
  rules: RuleBook;
  /** Of the platform. */
  namespace: string;
  /** Absent: each variant keeps a pod. */
  replicas?: Replicas;
}

/** Between looks at who serves, and at who is idle. */
const LOOK_EVERY_MS = 1_000;
/** For which a serve pod may hold back its answer while it has nothing to say. */
const WAIT_MS = 5_000;
const ANSWER_MS = 5_000;
/** After an answer that says that pods are lacking: what one of them lacks it says at once, again and again. */
const BREATH_MS = 100;
/** For which a variant that was given a pod isn't given one again: the cluster has taken it, or is asked anew. */
const WAKING_MS = 5_000;

/**
 * Pods for variants that have none while nobody asks: the first when a request waits for one at any serve pod, none when
 * every serve pod has been without a request for the variant's idle time.
 */
export class ScaleToZero {
  readonly #deps: ScaleToZeroDeps;
  readonly #listening = new Set<Member>();
  /** By variant: until when it isn't woken again. */
  readonly #waking = new Map<string, number>();

  constructor(deps: ScaleToZeroDeps) {
    this.#deps = deps;
  }

  /** True for one that has no pods while nobody asks. */
  mayHaveNone({ workers }: PodVariant): boolean {
    return workers === 0 && this.#deps.replicas !== undefined;
  }

  /** It may have none, and nobody waits for one as far as is known. */
  isAsleep(variant: PodVariant): boolean {
    return this.mayHaveNone(variant) && !this.#isWaking(variant);
  }

  /** Gives it a pod where it has none and that is how it may be. */
  async wake(variant: PodVariant): Promise<void> {
    if (this.mayHaveNone(variant)) await this.#deps.replicas?.wake(...this.#place(variant));
  }

  /** Until the signal is aborted. */
  async run(): Promise<void> {
    const { clock, signal, log, replicas } = this.#deps;
    if (replicas === undefined) return;
    while (!signal.aborted) {
      if (this.#sleepers().length > 0) {
        for (const member of this.#deps.members())
          if (!this.#listening.has(member)) void this.#listen(member);
        for (const variant of this.#sleepers()) if (this.#isInTrial(variant)) this.#wake(variant);
        await this.#endIdle(replicas).catch((error: unknown) => log(error, "ending pods that nobody asks"));
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
  }

  /** Hears from one serve pod what it lacks, until it is gone. */
  async #listen(member: Member): Promise<void> {
    const { clock, signal } = this.#deps;
    this.#listening.add(member);
    while (!signal.aborted && this.#deps.members().includes(member) && this.#sleepers().length > 0) {
      const said = await this.#ask(member, WAIT_MS);
      // Without an answer it is away, or of an earlier version: both end with another pod.
      if (said === undefined) await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      const lacking = (said ?? []).filter(({ lacksPods }) => lacksPods);
      for (const one of lacking) this.#wake(one);
      if (lacking.length > 0) await clock.sleep(BREATH_MS, signal).catch(() => undefined);
    }
    this.#listening.delete(member);
  }

  #wake(ref: VariantRef): void {
    const { clock, log, pods } = this.#deps;
    const variant = this.#sleepers().find((one) => variantKey(one) === variantKey(ref));
    if (variant === undefined || this.#isWaking(variant)) return;
    // They begin, or serve pods will be told of them.
    if (podsOf(pods, variant).some((pod) => !isLeaving(pod))) return;
    this.#waking.set(variantKey(variant), clock.now() + WAKING_MS);
    this.wake(variant).catch((error: unknown) =>
      log(error, `bringing a pod to version ${variant.version} of ${variant.service}`),
    );
  }

  async #endIdle(replicas: Replicas): Promise<void> {
    const idle = this.#sleepers().filter((variant) => this.#mayBeIdle(variant));
    if (idle.length === 0) return;
    const said = await Promise.all(this.#deps.members().map((member) => this.#ask(member, 0)));
    for (const variant of idle) {
      const idleMs = said.map(
        (all) => all?.find((one) => variantKey(one) === variantKey(variant))?.idleMs ?? 0,
      );
      // One that says nothing may have it all.
      if (idleMs.length === 0 || Math.min(...idleMs) < (variant.scale?.idleMs ?? Infinity)) continue;
      await replicas.sleep(...this.#place(variant));
    }
  }

  /** Its pods answer and nothing but requests needs them: one that begins is waited for. */
  #mayBeIdle(variant: PodVariant): boolean {
    const { pods, rules } = this.#deps;
    const own = podsOf(pods, variant).filter((pod) => !isLeaving(pod));
    if (own.length === 0 || !own.every(isReady)) return false;
    return rules.names(variant.service, variant.version) && !this.#isInTrial(variant);
  }

  /** Its pods stay, and it is given one: a cold start would count in the trial. */
  #isInTrial({ service, version }: PodVariant): boolean {
    const { rules } = this.#deps;
    const { rule, stopped } = rules.find(service) ?? { stopped: false };
    return rule?.challenger !== undefined && !stopped && rules.names(service, version);
  }

  #sleepers(): PodVariant[] {
    return [...this.#deps.variants()].filter((variant) => this.mayHaveNone(variant));
  }

  #place(variant: PodVariant): [namespace: string, name: string] {
    return [namespaceOf(this.#deps.namespace, variant.tenant), variantName(variant)];
  }

  #isWaking(variant: PodVariant): boolean {
    return (this.#waking.get(variantKey(variant)) ?? 0) > this.#deps.clock.now();
  }

  /** undefined: it doesn't answer. */
  async #ask({ client }: Member, waitMs: number): Promise<VariantDemand[] | undefined> {
    const waking = this.#sleepers().filter((variant) => this.#isWaking(variant));
    const request: AdminCalls["demand"]["request"] = {
      waking: waking.map(({ service, version }) => ({ service, version })),
      waitMs,
    };
    const limits = { timeoutMs: waitMs + ANSWER_MS, signal: this.#deps.signal };
    return client.call("demand", request, limits).then(
      ({ variants }) => variants,
      () => undefined,
    );
  }
}
