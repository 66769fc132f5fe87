import type { Clock } from "../../../base/clock.ts";
import type { ClusterClient, LiveObject } from "../cluster/client.ts";
import { mapLimited } from "../cluster/parallel.ts";
import type { Owned } from "../inventory/entry.ts";
import { ADOPTED, isAdopted, ownerOf } from "../inventory/owner.ts";
import { identityKey } from "../object.ts";
import { rankOf } from "../render/order.ts";
import type { Report } from "./progress.ts";

/** An object that was told to go and is still there. */
export interface Stuck {
  key: string;
  why: string;
}

interface RemoveDeps {
  client: ClusterClient;
  clock: Clock;
  report: Report;
  platform: string;
  /** For each stage of the order. */
  timeoutMs: number;
}

const AT_ONCE = 8;
const FIRST_LOOK_MS = 100;
const LONGEST_LOOK_MS = 2000;

/** What would make anew whatever is deleted goes before everything else. */
const ENGINES: ReadonlySet<string> = new Set([
  "Application.argoproj.io",
  "ApplicationSet.argoproj.io",
  "HelmRelease.helm.toolkit.fluxcd.io",
  "Kustomization.kustomize.toolkit.fluxcd.io",
]);
const FIRST = -1;

/**
 * Deletes what is ours in reverse order, stage by stage: each is gone before the next begins, so that controllers
 * are still there to take their finalizers off. Answers what didn't go; nothing after it was touched then.
 */
export async function removeObjects(owned: readonly Owned[], deps: RemoveDeps): Promise<Stuck[]> {
  let done = 0;
  for (const stage of stagesOf(owned)) {
    const leaving = await mapLimited(stage, AT_ONCE, async (one) => {
      const isLeaving = await removeOne(one, deps);
      done++;
      if (isLeaving) deps.report({ step: "deleted", key: identityKey(one.identity), done, of: owned.length });
      return isLeaving ? [one] : [];
    });
    const stuck = await waitGone(leaving.flat(), deps);
    if (stuck.length > 0) return stuck;
  }
  return [];
}

/** Objects that may go at once, in the order in which they go. */
export function stagesOf(owned: readonly Owned[]): Owned[][] {
  const stages = new Map<number, Owned[]>();
  for (const one of owned) {
    const { group, kind } = one.identity;
    const apiVersion = group === "" ? one.version : `${group}/${one.version}`;
    const place = ENGINES.has(`${kind}.${group}`)
      ? FIRST
      : 1000 - rankOf({ apiVersion, kind, metadata: { name: "" } });
    stages.set(place, [...(stages.get(place) ?? []), one]);
  }
  return [...stages].sort(([a], [b]) => a - b).map(([, stage]) => stage);
}

/** Whether it is on its way out. */
async function removeOne(one: Owned, { client, platform, report }: RemoveDeps): Promise<boolean> {
  const live = await client.get(one.identity, one.version);
  if (live === undefined) return false;
  const owner = ownerOf(live, platform);
  if (owner.kind !== "ours") {
    const whose = owner.kind === "platform" ? `the platform ${owner.name}` : owner.by;
    report({ step: "kept", key: identityKey(one.identity), why: `it is of ${whose} now` });
    return false;
  }
  if (isAdopted(live)) {
    await giveBack(live, client);
    report({ step: "kept", key: identityKey(one.identity), why: "it was there before" });
    return false;
  }
  const uid = String(live.metadata["uid"] ?? "");
  return client.delete(one.identity, uid === "" ? {} : { uid }, one.version);
}

/** Applying nothing but its name takes away every field that only we set. */
async function giveBack({ apiVersion, kind, metadata }: LiveObject, client: ClusterClient): Promise<void> {
  const { name, namespace } = metadata;
  const bare = { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } };
  await client.apply(bare, { force: true });
  const resource = await client.discovery.find(apiVersion, kind);
  if (resource === undefined) return;
  await client.merge(resource, namespace, name, { metadata: { annotations: { [ADOPTED]: null } } });
}

/** Waits until they are gone; answers those that aren't in time, with what holds them. */
async function waitGone(leaving: readonly Owned[], deps: RemoveDeps): Promise<Stuck[]> {
  const { client, clock, report, timeoutMs } = deps;
  const until = clock.now() + timeoutMs;
  const said = new Set<string>();
  let left = leaving;
  let pause = FIRST_LOOK_MS;
  for (;;) {
    const looked = await mapLimited(left, AT_ONCE, async (one) => ({
      one,
      live: await client.get(one.identity, one.version),
    }));
    const there = looked.flatMap(({ one, live }) => (live === undefined ? [] : [{ one, live }]));
    if (there.length === 0) return [];
    const held = there.map(({ one, live }) => ({ key: identityKey(one.identity), why: holding(live) }));
    if (clock.now() >= until) return held;
    for (const { key, why } of held) {
      if (!said.has(key) && pause > FIRST_LOOK_MS) {
        report({ step: "waiting", key, why });
        said.add(key);
      }
    }
    left = there.map(({ one }) => one);
    await clock.sleep(Math.min(pause, Math.max(0, until - clock.now())));
    pause = Math.min(pause * 1.5, LONGEST_LOOK_MS);
  }
}

interface NamespaceStatus {
  conditions?: { type: string; status: string; message?: string }[];
}

/** What keeps an object that was told to go. */
function holding(live: LiveObject): string {
  if (live.kind === "Namespace") {
    const { conditions = [] } = (live["status"] ?? {}) as NamespaceStatus;
    const rest = conditions.filter(({ type, status }) => status === "True" && type.startsWith("Namespace"));
    return rest.length === 0
      ? "waits for the namespace controller to empty it"
      : rest.map(({ message }) => message ?? "").join("; ");
  }
  const finalizers = (live.metadata["finalizers"] ?? []) as string[];
  if (finalizers.length === 0) return "waits for what belongs to it";
  return `waits for its ${finalizers.length === 1 ? "finalizer" : "finalizers"} ${finalizers.join(", ")}: their controller must run, or somebody takes them off`;
}
