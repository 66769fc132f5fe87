import { z } from "zod";
import { SlipwayError } from "../../../http/errors.ts";
import type { ClusterClient } from "../cluster/client.ts";
import { identityKey } from "../object.ts";
import type { KubernetesObject, ObjectIdentity } from "../object.ts";
import { fromEntry, toEntry } from "./entry.ts";
import type { Owned } from "./entry.ts";

/** Labels of everything that we make. */
export const PLATFORM_LABEL = "slipway.dev/platform";
const MANAGED_LABEL = "app.kubernetes.io/managed-by";

/** What a platform has in its cluster: written before an object is made, and after it is gone. */
export interface Inventory {
  platform: string;
  namespace: string;
  environment?: string;
  /** Of the slipway that wrote it. */
  slipway: string;
  state: "applying" | "applied" | "destroying";
  /** Of the run that wrote it last: a later one takes over, and the earlier one stops. */
  run: string;
  /** Milliseconds since the epoch. */
  at: number;
  paused?: { at: number; reason: string };
  entries: readonly Owned[];
}

/** An inventory as it lies in the cluster. */
export interface KeptInventory extends Inventory {
  resourceVersion: string;
}

/** A ConfigMap holds 1 MiB: beyond that many bytes nothing is applied. */
const MAX_BYTES = 1_000_000;

const dataSchema = z.object({
  platform: z.string(),
  environment: z.string().optional(),
  slipway: z.string(),
  state: z.enum(["applying", "applied", "destroying"]),
  run: z.string(),
  at: z.coerce.number(),
  paused: z.string().optional(),
  entries: z.string(),
});
const entriesSchema = z.array(z.object({ id: z.string(), v: z.string() }));
const pausedSchema = z.object({ at: z.number(), reason: z.string() });

export function inventoryIdentity(platform: string, namespace: string): ObjectIdentity {
  return { group: "", kind: "ConfigMap", namespace, name: `slipway-inventory-${platform}` };
}

/** undefined when this platform was never applied here. INVENTORY_INVALID when what lies there isn't one. */
export async function readInventory(
  client: ClusterClient,
  { platform, namespace }: { platform: string; namespace: string },
): Promise<KeptInventory | undefined> {
  const identity = inventoryIdentity(platform, namespace);
  const live = await client.get(identity, "v1");
  return live === undefined ? undefined : parseInventory(live, namespace);
}

/** Inventories of all platforms in the cluster: two of them may not fight over one object. */
export async function listInventories(client: ClusterClient): Promise<KeptInventory[]> {
  const found = await client.listKind("v1", "ConfigMap", { labelSelector: `slipway.dev/inventory=true` });
  return found.map((live) => parseInventory(live, live.metadata.namespace ?? ""));
}

function parseInventory(live: KubernetesObject, namespace: string): KeptInventory {
  const where = `ConfigMap ${namespace}/${live.metadata.name}`;
  const invalid = (cause?: unknown) =>
    new SlipwayError("INVENTORY_INVALID", "the platform's inventory can't be read", { where, cause });
  const data = dataSchema.safeParse(live["data"]);
  if (!data.success) throw invalid(data.error);
  const { entries, paused, environment, ...rest } = data.data;
  const list = entriesSchema.safeParse(jsonOf(entries));
  if (!list.success) throw invalid(list.error);
  const owned = list.data.map(fromEntry);
  if (!owned.every((one) => one !== undefined)) throw invalid();
  const pause = paused === undefined ? undefined : pausedSchema.safeParse(jsonOf(paused));
  return {
    ...rest,
    namespace,
    ...(environment === undefined ? {} : { environment }),
    ...(pause?.success ? { paused: pause.data } : {}),
    entries: owned,
    resourceVersion: String(live.metadata["resourceVersion"] ?? ""),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Writes it over the one of `before`, or as the first one. PLATFORM_APPLYING when somebody else wrote since.
 */
export async function writeInventory(
  client: ClusterClient,
  inventory: Inventory,
  before: KeptInventory | undefined,
): Promise<KeptInventory> {
  const object = toConfigMap(inventory, before?.resourceVersion);
  if (Buffer.byteLength(JSON.stringify(object)) > MAX_BYTES)
    throw new SlipwayError("TOO_LARGE", `the platform has too many objects (${inventory.entries.length})`, {
      allowed: "about 8000 in one platform; make two of it",
    });
  const written =
    before === undefined ? await client.create(object) : await replace(client, object, inventory);
  if (written === undefined) throw overtaken(inventory);
  return parseInventory(written, inventory.namespace);
}

async function replace(
  client: ClusterClient,
  object: KubernetesObject,
  inventory: Inventory,
): Promise<KubernetesObject> {
  const answer = await client.apply(object, { force: true }).catch((error: unknown) => {
    if (error instanceof SlipwayError && error.code === "CLUSTER_CONFLICT") throw overtaken(inventory);
    throw error;
  });
  if (answer.result === "applied") return answer.object;
  throw new SlipwayError("CLUSTER_FAILED", "the platform's inventory can't be written", {
    where: `ConfigMap ${inventory.namespace}/${object.metadata.name}`,
    given: answer.result === "refused" ? answer.status.message : answer.result,
  });
}

function overtaken({ platform }: Inventory): SlipwayError {
  return new SlipwayError(
    "PLATFORM_APPLYING",
    `somebody else changes the platform ${platform} at the same time`,
  );
}

function toConfigMap(inventory: Inventory, resourceVersion: string | undefined): KubernetesObject {
  const { platform, namespace, environment, slipway, state, run, at, paused, entries } = inventory;
  const { name } = inventoryIdentity(platform, namespace);
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name,
      namespace,
      labels: {
        [MANAGED_LABEL]: "slipway",
        [PLATFORM_LABEL]: platform,
        "slipway.dev/inventory": "true",
      },
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    data: {
      platform,
      ...(environment === undefined ? {} : { environment }),
      slipway,
      state,
      run,
      at: String(at),
      ...(paused === undefined ? {} : { paused: JSON.stringify(paused) }),
      entries: JSON.stringify(entries.map(toEntry)),
    },
  };
}

/** All of both, each once; where both know an object, the version of `first` counts. */
export function union(first: readonly Owned[], second: readonly Owned[]): Owned[] {
  const found = new Map<string, Owned>();
  for (const one of [...first, ...second]) {
    const key = identityKey(one.identity);
    if (!found.has(key)) found.set(key, one);
  }
  return [...found.values()];
}

/** What of `before` isn't in `after`. */
export function without(before: readonly Owned[], after: readonly Owned[]): Owned[] {
  const kept = new Set(after.map(({ identity }) => identityKey(identity)));
  return before.filter(({ identity }) => !kept.has(identityKey(identity)));
}
