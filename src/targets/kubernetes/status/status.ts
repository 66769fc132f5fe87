import { SlipwayError } from "../../../http/errors.ts";
import { lookReady, watchedOf } from "../apply/wait-ready.ts";
import type { NotReady } from "../apply/wait-ready.ts";
import type { ClusterClient } from "../cluster/client.ts";
import { readInventory } from "../inventory/inventory.ts";
import type { KeptInventory } from "../inventory/inventory.ts";
import type { Rendered } from "../render/rendered.ts";

/** How a platform is, component by component. */
export interface PlatformStatus {
  platform: string;
  environment?: string;
  state: KeptInventory["state"];
  slipway: string;
  /** Of the last write, in milliseconds since the epoch. */
  at: number;
  paused?: { at: number; reason: string };
  parts: readonly PartStatus[];
}

interface PartStatus {
  part: string;
  checks: number;
  ready: number;
  unready: readonly NotReady[];
}

/** The inventory. PLATFORM_NOT_APPLIED when there is none. */
export async function inventoryOf(client: ClusterClient, { platform }: Rendered): Promise<KeptInventory> {
  const { name, namespace } = platform;
  const inventory = await readInventory(client, { platform: name, namespace });
  if (inventory !== undefined) return inventory;
  throw new SlipwayError("PLATFORM_NOT_APPLIED", `the platform ${name} was never applied to this cluster`, {
    where: `namespace ${namespace}`,
  });
}

/** Looks once at everything of the platform. */
export async function statusOf(client: ClusterClient, rendered: Rendered): Promise<PlatformStatus> {
  const { platform, environment, state, slipway, at, paused } = await inventoryOf(client, rendered);
  const watched = watchedOf(rendered);
  const unready = await lookReady(client, watched, true);
  const names = [...new Set(watched.map(({ component }) => component))];
  return {
    platform,
    ...(environment === undefined ? {} : { environment }),
    state,
    slipway,
    at,
    ...(paused === undefined ? {} : { paused }),
    parts: names.map((part) => {
      const own = unready.filter(({ component }) => component === part);
      const checks = watched.filter(({ component }) => component === part).length;
      return { part, checks, ready: checks - own.length, unready: own };
    }),
  };
}

/** A platform is well when it was applied whole and all of it works. */
export function isWell({ state, parts }: PlatformStatus): boolean {
  return state === "applied" && parts.every(({ unready }) => unready.length === 0);
}

export function statusLines(status: PlatformStatus): string[] {
  const { platform, environment, state, slipway, at, paused, parts } = status;
  const width = Math.max(0, ...parts.map(({ part }) => part.length));
  return [
    `${platform}${environment === undefined ? "" : ` (${environment})`}: ${state} by slipway ${slipway} at ${new Date(at).toISOString()}`,
    ...(paused === undefined ? [] : [`paused since ${new Date(paused.at).toISOString()}: ${paused.reason}`]),
    ...parts.flatMap(({ part, checks, ready, unready }) => [
      `${part.padEnd(width)}  ${ready}/${checks} ready`,
      ...unready.map(({ key, why }) => `  ${key}: ${why}`),
    ]),
  ];
}
