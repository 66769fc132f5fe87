import type { Clock } from "../../../base/clock.ts";
import { eitherSignal } from "../../../base/either-signal.ts";
import type { VariantRef } from "../../../serving/backend.ts";
import { causeOf, notReady } from "./causes.ts";
import type { Cause, ClusterEvent } from "./causes.ts";
import { VARIANT_LABEL, variantName } from "./names.ts";
import { endpointsOf, isLeaving } from "./pods.ts";
import type { Pod } from "./pods.ts";
import type { ServeFleetDeps } from "./serve-fleet.ts";
import { fewestPods } from "./variant.ts";
import type { PodVariant } from "./variant.ts";

const PREPARE_MS = 10 * 60_000;
/** Between looks at the cluster's events while pods are awaited. */
const EVENTS_MS = 3_000;

export interface PodsReadyDeps {
  pods: ServeFleetDeps["pods"];
  clock: Clock;
  /** Of the variant's namespace. */
  events(variant: PodVariant): Promise<ClusterEvent[]>;
  signal: AbortSignal;
  /** What keeps them from it now: told at every look. */
  waits?(cause: Cause): void;
  /** Default 10 minutes, of which an environment may take most. */
  prepareMs?: number;
}

/**
 * Resolves with where the variant's pods answer, "host:port", once as many as it has at least are ready. Rejects with what
 * keeps them from it as soon as that is final, or when the time is over.
 */
export async function podsReady(variant: PodVariant, deps: PodsReadyDeps): Promise<string[]> {
  const { pods, clock, signal, prepareMs = PREPARE_MS } = deps;
  const deadline = clock.now() + prepareMs;
  const wanted = fewestPods(variant);
  let events: ClusterEvent[] = [];
  for (;;) {
    signal.throwIfAborted();
    const own = podsOf(pods, variant).filter((pod) => !isLeaving(pod));
    const cause = causeOf(own, events, wanted);
    if (cause === undefined) return endpointsOf(own, "frames");
    deps.waits?.(cause);
    if (cause.isFinal || clock.now() >= deadline) throw notReady(variant, cause);
    if (await isQuiet(deps)) events = await eventsOf(variant, deps);
  }
}

/** What pods of the variant there are, whatever their state. */
export function podsOf(pods: ServeFleetDeps["pods"], ref: VariantRef): Pod[] {
  return pods.find({ [VARIANT_LABEL]: variantName(ref) });
}

/** False as soon as pods change. */
async function isQuiet({ pods, clock, signal }: PodsReadyDeps): Promise<boolean> {
  const look = new AbortController();
  const stop = pods.onChange(() => look.abort(new Error("pods changed")));
  const either = eitherSignal(look.signal, signal);
  const quiet = await clock.sleep(EVENTS_MS, either.signal).then(
    () => true,
    () => false,
  );
  either.release();
  stop();
  return quiet;
}

async function eventsOf(variant: PodVariant, { events }: PodsReadyDeps): Promise<ClusterEvent[]> {
  const name = variantName(variant);
  const all = await events(variant).catch(() => []);
  return all.filter((event) => isOfVariant(event, name));
}

/** Of its Deployment, of what that made, or of their pods; not of another one whose name begins with this one's. */
export function isOfVariant({ involvedObject: { name = "" } }: ClusterEvent, variant: string): boolean {
  return name === variant || name.startsWith(`${variant}-`);
}
