import type { Clock } from "../../../base/clock.ts";
import type { Ids } from "../../../base/ids.ts";
import type { ClusterClient, LiveObject } from "../cluster/client.ts";
import type { ApiResource } from "../cluster/discovery.ts";
import { PLATFORM_LABEL, writeInventory } from "../inventory/inventory.ts";
import type { Rendered } from "../render/rendered.ts";
import { PAUSED } from "../serving/argo-cd/application.ts";
import { inventoryOf } from "../status/status.ts";

interface PauseDeps {
  client: ClusterClient;
  clock: Clock;
  ids: Ids;
}

/** What holds still, or moves again. */
export interface Paused {
  platform: string;
  paused: boolean;
  /** Of the GitOps engine: `Application argocd/platform`. */
  engine: readonly string[];
}

/** How a kind of a GitOps engine is told to hold still, as merge patches. */
interface Switch {
  group: string;
  kind: string;
  off: unknown;
  on: unknown;
}

const suspended = (kind: string, group: string): Switch => ({
  group,
  kind,
  off: { spec: { suspend: true } },
  on: { spec: { suspend: null } },
});

/** Flux's sources alone don't stop the correction of drift: what applies must hold still too. */
const SWITCHES: readonly Switch[] = [
  {
    group: "argoproj.io",
    kind: "Application",
    off: { metadata: { annotations: { [PAUSED]: "true" } } },
    on: { metadata: { annotations: { [PAUSED]: null } } },
  },
  suspended("Kustomization", "kustomize.toolkit.fluxcd.io"),
  suspended("HelmRelease", "helm.toolkit.fluxcd.io"),
  suspended("GitRepository", "source.toolkit.fluxcd.io"),
];

/** Holds back our own apply and the GitOps engine's. A second call changes the reason. */
export async function pausePlatform(rendered: Rendered, reason: string, deps: PauseDeps): Promise<Paused> {
  const { client, clock, ids } = deps;
  const inventory = await inventoryOf(client, rendered);
  const paused = { at: clock.now(), reason };
  await writeInventory(client, { ...inventory, run: ids.hex(), paused }, inventory);
  return { platform: inventory.platform, paused: true, engine: await switchAll(rendered, "off", client) };
}

/** Lets changes through again. */
export async function resumePlatform(rendered: Rendered, { client, ids }: PauseDeps): Promise<Paused> {
  const { paused: _paused, ...inventory } = await inventoryOf(client, rendered);
  const engine = await switchAll(rendered, "on", client);
  await writeInventory(client, { ...inventory, run: ids.hex() }, inventory);
  return { platform: inventory.platform, paused: false, engine };
}

async function switchAll(rendered: Rendered, to: "off" | "on", client: ClusterClient): Promise<string[]> {
  const done: string[] = [];
  for (const one of SWITCHES) {
    const resource = await client.discovery.findInGroup(one.group, one.kind);
    if (resource === undefined) continue;
    for (const live of await ours(client, resource, rendered)) {
      const { namespace, name } = live.metadata;
      await client.merge(resource, namespace, name, one[to]);
      done.push(`${one.kind} ${namespace ?? ""}/${name}`);
    }
  }
  return done;
}

function ours(client: ClusterClient, resource: ApiResource, { platform }: Rendered): Promise<LiveObject[]> {
  return client.list(resource, undefined, `${PLATFORM_LABEL}=${platform.name}`);
}

export function pausedLines({ platform, paused, engine }: Paused): string[] {
  const verb = paused ? "holds still" : "moves again";
  return [`${platform} ${verb}`, ...engine.map((one) => `${one} ${verb}`)];
}
