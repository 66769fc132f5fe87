import type { Ids } from "../../../base/ids.ts";
import type { Clock } from "../../../base/clock.ts";
import { SlipwayError } from "../../../http/errors.ts";
import type { Report } from "../apply/progress.ts";
import { removeObjects, stagesOf } from "../apply/remove.ts";
import type { ClusterClient, LiveObject } from "../cluster/client.ts";
import type { Owned } from "../inventory/entry.ts";
import {
  PLATFORM_LABEL,
  inventoryIdentity,
  readInventory,
  union,
  writeInventory,
} from "../inventory/inventory.ts";
import type { KeptInventory } from "../inventory/inventory.ts";
import { isAdopted } from "../inventory/owner.ts";
import { identityKey, identityOf } from "../object.ts";
import type { KubernetesObject, ObjectIdentity } from "../object.ts";
import type { Rendered } from "../render/rendered.ts";
import { contentsOf, namespacedKinds } from "./contents.ts";

export interface DestroyOptions {
  /** Deletes volumes that stand in the platform's namespaces, with their data. */
  deleteVolumes?: boolean;
  /** For each stage to be gone, in milliseconds. */
  timeoutMs: number;
}

export interface DestroyDeps {
  client: ClusterClient;
  clock: Clock;
  ids: Ids;
  report: Report;
  slipway: string;
}

/** What destroying would do: shown before anybody is asked. */
export interface DestroyPlan {
  platform: string;
  /** In the order in which they go; namespaces last. */
  objects: readonly string[];
  /** Namespaces that stay, and why. */
  kept: readonly { namespace: string; why: string }[];
  /** What else stays. */
  stays: readonly string[];
  /** What goes and can't be had back. */
  losses: readonly string[];
}

interface Gathered {
  plan: DestroyPlan;
  inventory: KeptInventory | undefined;
  /** Without namespaces. */
  objects: readonly Owned[];
  /** Those that go, and those that are given back. */
  namespaces: readonly string[];
  /** What is ours in namespaces that stay: what control made there, and claims that are to be deleted. */
  inKept: readonly Owned[];
}

/** Says what would go and what would stay. PLATFORM_NOT_APPLIED when there is nothing of it. */
export async function planDestroy(
  client: ClusterClient,
  rendered: Rendered,
  options: Pick<DestroyOptions, "deleteVolumes">,
): Promise<DestroyPlan> {
  return (await gather(client, rendered, options)).plan;
}

/**
 * Takes the platform down in reverse order: what would make things anew first, then custom resources while their
 * controllers live, workloads, definitions, namespaces. What isn't ours stays, and with it the namespace that holds it.
 * PLATFORM_NOT_DESTROYED names what doesn't go; a second call goes on from there.
 */
export async function destroyPlatform(
  rendered: Rendered,
  options: DestroyOptions,
  deps: DestroyDeps,
): Promise<DestroyPlan> {
  const { client, clock, ids, slipway } = deps;
  const { name, namespace: home } = rendered.platform;
  const { plan, inventory, objects, namespaces, inKept } = await gather(client, rendered, options);
  if (inventory !== undefined)
    await writeInventory(
      client,
      { ...inventory, slipway, state: "destroying", run: ids.hex(), at: clock.now() },
      inventory,
    );
  const remove = async (owned: readonly Owned[]) => {
    const stuck = await removeObjects(owned, { ...deps, platform: name, timeoutMs: options.timeoutMs });
    if (stuck.length === 0) return;
    throw new SlipwayError("PLATFORM_NOT_DESTROYED", `${stuck.length} objects don't go`, {
      given: stuck.map(({ key, why }) => `${key}: ${why}`).join("; "),
      details: { objects: stuck },
    });
  };
  await remove(objects);
  // Control is gone by now, with its rights: nothing makes them anew.
  for (const { identity, version } of inKept) await client.delete(identity, {}, version);
  await remove(namespaces.filter((one) => one !== home).map(namespaceOwned));
  await client.delete(inventoryIdentity(name, home), {}, "v1");
  await remove(namespaces.filter((one) => one === home).map(namespaceOwned));
  return plan;
}

async function gather(
  client: ClusterClient,
  rendered: Rendered,
  { deleteVolumes = false }: Pick<DestroyOptions, "deleteVolumes">,
): Promise<Gathered> {
  const { platform } = rendered;
  const inventory = await readInventory(client, { platform: platform.name, namespace: platform.namespace });
  const labelled = await client.listKind("v1", "Namespace", {
    labelSelector: `${PLATFORM_LABEL}=${platform.name}`,
  });
  if (inventory === undefined && labelled.length === 0)
    throw new SlipwayError(
      "PLATFORM_NOT_APPLIED",
      `nothing of the platform ${platform.name} is in this cluster`,
    );
  const entries = inventory?.entries ?? [];
  const namespaces = union(
    entries.filter(isNamespace),
    labelled.map(({ metadata }) => namespaceOwned(metadata.name)),
  ).map(({ identity }) => identity.name);
  const adopted = labelled.filter(isAdopted).map(({ metadata }) => metadata.name);
  const made = namespaces.filter((name) => !adopted.includes(name));
  const { going, kept, running, lost } = await sortNamespaces(client, rendered, made, deleteVolumes);
  const left = await leftInAdopted(client, rendered, adopted);
  const inKept = [
    ...running,
    ...left.running,
    ...(deleteVolumes ? left.ours : []).map((identity) => ({ identity, version: "v1" })),
  ];
  const objects = entries.filter((one) => !isNamespace(one));
  const ordered = [...stagesOf(objects).flat(), ...running, ...left.running, ...going.map(namespaceOwned)];
  return {
    inventory,
    objects,
    namespaces: [...going, ...adopted],
    inKept,
    plan: {
      platform: platform.name,
      objects: ordered.map(({ identity }) => identityKey(identity)),
      kept: [...adopted.map((namespace) => ({ namespace, why: "was there before" })), ...kept],
      stays: [
        ...(deleteVolumes ? [] : left.ours.map(claimStays)),
        ...(await whatStays(client, rendered, namespaces)),
      ],
      losses: [
        ...lost,
        ...(deleteVolumes ? left.ours.map((one) => `volume ${placeOf(one)}, with its data`) : []),
        ...left.owned,
        ...definitionLosses(objects),
      ],
    },
  };
}

async function sortNamespaces(
  client: ClusterClient,
  rendered: Rendered,
  namespaces: readonly string[],
  deleteVolumes: boolean,
): Promise<{ going: string[]; kept: DestroyPlan["kept"]; running: Owned[]; lost: string[] }> {
  const kinds = await namespacedKinds(client);
  const scope = { platform: rendered.platform.name, made: madeByControllers(rendered) };
  const going: string[] = [];
  const kept: { namespace: string; why: string }[] = [];
  const running: Owned[] = [];
  const lost: string[] = [];
  for (const namespace of namespaces) {
    const { volumes, owned, foreign, hidden, made } = await contentsOf(client, namespace, kinds, scope);
    lost.push(...ownedLosses(namespace, owned));
    const reasons = [
      ...(volumes.length > 0 && !deleteVolumes
        ? [`holds the volumes ${volumes.join(", ")}; --delete-volumes deletes them`]
        : []),
      ...(foreign.length > 0 ? [`holds what isn't ours: ${foreign.join(", ")}`] : []),
      ...(hidden.length > 0 ? [`may hold ${hidden.join(", ")}: the right to look is missing`] : []),
    ];
    if (reasons.length > 0) {
      kept.push({ namespace, why: reasons.join("; ") });
      running.push(...made);
    } else {
      going.push(namespace);
      if (volumes.length > 0) lost.push(`volumes in ${namespace}, with their data: ${volumes.join(", ")}`);
    }
  }
  return { going, kept, running, lost };
}

/** What is ours in namespaces that were there before: these aren't deleted, so what is in them is looked at. */
async function leftInAdopted(
  client: ClusterClient,
  rendered: Rendered,
  namespaces: readonly string[],
): Promise<{ ours: ObjectIdentity[]; running: Owned[]; owned: string[] }> {
  const kinds = await namespacedKinds(client);
  const scope = { platform: rendered.platform.name, made: madeByControllers(rendered) };
  const patterns = claimPatterns(rendered);
  const ours: ObjectIdentity[] = [];
  const running: Owned[] = [];
  const lost: string[] = [];
  for (const namespace of namespaces) {
    const { volumes, owned, made } = await contentsOf(client, namespace, kinds, scope);
    running.push(...made);
    lost.push(...ownedLosses(namespace, owned));
    for (const name of volumes)
      if (patterns.some((pattern) => pattern.test(`${namespace}/${name}`)))
        ours.push({ group: "", kind: "PersistentVolumeClaim", namespace, name });
  }
  return { ours, running, owned: lost };
}

/** A StatefulSet's claims are `template-set-number`, and stay when it goes. */
function claimPatterns({ objects }: Rendered): RegExp[] {
  return objects.flatMap(({ object }) => {
    if (object.kind !== "StatefulSet") return [];
    const { volumeClaimTemplates = [] } = object["spec"] as {
      volumeClaimTemplates?: { metadata: { name: string } }[];
    };
    const { namespace, name } = object.metadata;
    return volumeClaimTemplates.map(
      (template) => new RegExp(`^${namespace}/${template.metadata.name}-${name}-\\d+$`, "u"),
    );
  });
}

function ownedLosses(namespace: string, owned: readonly string[]): string[] {
  if (owned.length === 0) return [];
  return [`volumes in ${namespace} that go with what owns them, with their data: ${owned.join(", ")}`];
}

function placeOf({ namespace, name }: ObjectIdentity): string {
  return `${namespace}/${name}`;
}

function claimStays(claim: ObjectIdentity): string {
  return `volume ${placeOf(claim)}, with its data; --delete-volumes deletes it`;
}

/** Secrets that something in the platform makes go with it. */
function madeByControllers({ secrets }: Rendered): Set<string> {
  return new Set(
    secrets
      .filter(({ made }) => made.how === "controller")
      .map(({ namespace, name }) => ["Secret", namespace, name].join("/")),
  );
}

interface VolumeSpec {
  persistentVolumeReclaimPolicy?: string;
  claimRef?: { namespace?: string; name?: string };
}

/** Volumes that outlive their claims, and what lies outside of the cluster. */
async function whatStays(
  client: ClusterClient,
  { platform, secrets }: Rendered,
  namespaces: readonly string[],
): Promise<string[]> {
  const volumes: LiveObject[] = await client.listKind("v1", "PersistentVolume").catch((error: unknown) => {
    if (error instanceof SlipwayError && error.code === "CLUSTER_FORBIDDEN") return [];
    throw error;
  });
  const retained = volumes.filter((volume) => {
    const { persistentVolumeReclaimPolicy, claimRef } = (volume["spec"] ?? {}) as VolumeSpec;
    return persistentVolumeReclaimPolicy === "Retain" && namespaces.includes(claimRef?.namespace ?? "");
  });
  const store = platform.components["objectStore"] as { bucket?: unknown } | undefined;
  const buckets = [...platform.given.buckets, ...(typeof store?.bucket === "string" ? [store.bucket] : [])];
  const given = secrets.filter(({ made }) => made.how === "given");
  const named = given.map(({ namespace, name }) => `Secret ${namespace}/${name}`);
  return [
    ...retained.map(({ metadata }) => `volume ${metadata.name}, which its class retains`),
    ...[...new Set(buckets)].map((bucket) => `bucket ${bucket}, with everything in it`),
    ...new Set(named),
  ];
}

function definitionLosses(objects: readonly Owned[]): string[] {
  const count = objects.filter(({ identity }) => identity.kind === "CustomResourceDefinition").length;
  if (count === 0) return [];
  return [`${count} definitions: all objects of their kinds in the whole cluster go with them`];
}

const isNamespace = ({ identity }: Owned) => identity.kind === "Namespace" && identity.group === "";

function namespaceOwned(name: string): Owned {
  const object: KubernetesObject = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
  return { identity: identityOf(object), version: "v1" };
}

export function destroyLines({ platform, objects, kept, stays, losses }: DestroyPlan): string[] {
  const indented = (head: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [`${head}:`, ...lines.map((line) => `  ${line}`)];
  return [
    `${platform}: ${objects.length} objects go, in this order:`,
    ...objects.map((key) => `- ${key}`),
    ...indented(
      "namespaces that stay",
      kept.map(({ namespace, why }) => `${namespace}: ${why}`),
    ),
    ...indented("stays", stays),
    ...indented("can't be undone", losses),
  ];
}
