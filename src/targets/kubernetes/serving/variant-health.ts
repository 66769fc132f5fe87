import type { PodReport } from "../../../base/pod-report.ts";
import type { VariantRef, VariantState } from "../../../serving/backend.ts";
import { reportPod } from "../pod-report.ts";
import { causeOf } from "./causes.ts";
import type { Cause, ClusterEvent } from "./causes.ts";
import type { KubernetesServingDeps } from "./deps.ts";
import { LastSeen } from "./last-seen.ts";
import { namespaceOf, variantName } from "./names.ts";
import { joinedLogs } from "./pod-log.ts";
import { isLeaving, isReady } from "./pods.ts";
import type { Pod } from "./pods.ts";
import { isOfVariant, podsOf, podsReady } from "./pods-ready.ts";
import type { PodsReadyDeps } from "./pods-ready.ts";
import { fewestPods, variantKey } from "./variant.ts";
import type { PodVariant } from "./variant.ts";
import { variantStateOf } from "./variant-state.ts";
import { within } from "../../../base/within.ts";

type HealthDeps = Pick<
  KubernetesServingDeps,
  "pods" | "clock" | "events" | "podLog" | "namespace" | "prepareMs"
> & {
  /** It has no pods because nobody asks it. */
  isAsleep(variant: PodVariant): boolean;
};

/** Between looks at a namespace's events while a variant there has too few pods. */
const EVENTS_MS = 5_000;
/** Pods of a variant that are told of: the others most likely say the same. */
const TOLD = 2;
const LAST_LINES = 20;
const READ_MS = 4_000;
/** What is said of pods that are about to be taken away holds nothing up. */
const LAST_WORDS_MS = 3_000;

/** How the pods of variants are, and what keeps them from being ready. */
export class VariantHealth {
  readonly #deps: HealthDeps;
  /** By variant: what keeps one that is prepared. */
  readonly #causes = new Map<string, Cause>();
  /** By namespace. */
  readonly #events = new Map<string, { at: number; events: ClusterEvent[] }>();
  readonly #lastSeen = new LastSeen();

  constructor(deps: HealthDeps) {
    this.#deps = deps;
  }

  /** What its pods said when it was tried before is over. */
  beginAnew(ref: VariantRef): void {
    this.#lastSeen.forget(ref);
  }

  /** Resolves with the endpoints of as many pods as it has at least; see `podsReady`. */
  async ready(variant: PodVariant, signal: AbortSignal): Promise<string[]> {
    const waits = (cause: Cause) => void this.#causes.set(variantKey(variant), cause);
    try {
      return await podsReady(variant, { ...this.waiting(signal), waits });
    } finally {
      this.#causes.delete(variantKey(variant));
    }
  }

  waiting(signal: AbortSignal): PodsReadyDeps {
    const { pods, clock, prepareMs } = this.#deps;
    const events = ({ tenant }: PodVariant): Promise<ClusterEvent[]> =>
      this.#deps.events(this.#namespace(tenant));
    return { pods, clock, events, signal, ...(prepareMs && { prepareMs }) };
  }

  /** From what is known: the cluster is asked for its events beside it, so that the next answer has them. */
  state(variant: PodVariant): VariantState {
    const pods = podsOf(this.#deps.pods, variant);
    return variantStateOf(
      variant,
      pods,
      this.#causes.get(variantKey(variant)) ?? this.#causeOf(variant, pods),
    );
  }

  /** Of pods that were taken away because they couldn't become ready, what they said last. */
  async logs(ref: VariantRef, lines: number): Promise<string[]> {
    const kept = this.#lastSeen.of(ref).flatMap(({ log }) => log);
    if (kept.length > 0) return kept.slice(-lines);
    return joinedLogs(podsOf(this.#deps.pods, ref), lines, this.#deps.podLog);
  }

  /** Of those that aren't ready, or weren't when they were taken away. */
  async reports(ref: VariantRef, lines: number): Promise<PodReport[]> {
    const pods = podsOf(this.#deps.pods, ref);
    // What those that go by now say is how they were ended.
    const staying = pods.filter((pod) => !isLeaving(pod));
    const kept = this.#lastSeen.of(ref);
    if (staying.length === 0 && kept.length > 0) return kept;
    const told = (staying.length === 0 ? pods : staying.filter((pod) => !isReady(pod))).slice(0, TOLD);
    const { events, podLog } = this.#deps;
    // A node that is away answers late, or never.
    const deps = {
      log: async (pod: Pod, most: number) => (await within(podLog(pod, most), READ_MS)) ?? [],
      events: async ({ metadata: { namespace = "", name } }: Pod) =>
        ((await within(events(namespace), READ_MS)) ?? []).filter(
          ({ involvedObject }) => involvedObject.name === name,
        ),
    };
    return Promise.all(told.map((pod) => reportPod(pod, deps, lines)));
  }

  /** Keeps what its pods say, which are about to be taken away. */
  async keepLastWords(ref: VariantRef): Promise<void> {
    const reports = await within(this.reports(ref, LAST_LINES), LAST_WORDS_MS);
    if (reports !== undefined) this.#lastSeen.keep(ref, reports);
  }

  #causeOf(variant: PodVariant, pods: readonly Pod[]): Cause | undefined {
    const staying = pods.filter((pod) => !isLeaving(pod));
    if (staying.length === 0 && this.#deps.isAsleep(variant)) return undefined;
    const wanted = fewestPods(variant);
    if (staying.filter(isReady).length >= wanted) return undefined;
    const namespace = this.#namespace(variant.tenant);
    this.#askEvents(namespace);
    const name = variantName(variant);
    const events = this.#events.get(namespace)?.events.filter((event) => isOfVariant(event, name)) ?? [];
    return causeOf(staying, events, wanted);
  }

  #askEvents(namespace: string): void {
    const now = this.#deps.clock.now();
    const known = this.#events.get(namespace);
    if (known !== undefined && now - known.at < EVENTS_MS) return;
    this.#events.set(namespace, { at: now, events: known?.events ?? [] });
    this.#deps.events(namespace).then(
      (events) => void this.#events.set(namespace, { at: now, events }),
      // Said without them, and asked again at the next look.
      () => undefined,
    );
  }

  #namespace(tenant: string): string {
    return namespaceOf(this.#deps.namespace, tenant);
  }
}
