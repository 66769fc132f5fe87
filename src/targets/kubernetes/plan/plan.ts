import { SlipwayError } from "../../../http/errors.ts";
import type { ClusterClient } from "../cluster/client.ts";
import { mapLimited } from "../cluster/parallel.ts";
import { readInventory, without } from "../inventory/inventory.ts";
import type { KeptInventory } from "../inventory/inventory.ts";
import { compareVersions } from "../inventory/versions.ts";
import { groupOf, identityKey, identityOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";
import type { Rendered } from "../render/rendered.ts";
import { askedFor, lacksOf, readNodes } from "./capacity.ts";
import type { Capacity } from "./capacity.ts";
import { refuseKubernetes, servedVersion } from "./kubernetes-version.ts";
import { contestedModels } from "./models.ts";
import { lossesOf } from "./losses.ts";
import { planObject, planRemoval } from "./object-plan.ts";
import type { PlannedObject } from "./object-plan.ts";
import { touchedBy } from "./touched.ts";
import type { Touched } from "./touched.ts";

/** What applying would do to a cluster, before anything is touched. */
export interface Plan {
  platform: string;
  environment?: string;
  cluster: { version: string };
  /** The slipway that applied it last; undefined when it never was. */
  appliedBy?: string;
  isPaused: boolean;
  /** In the order in which they would be applied, then what is deleted. */
  objects: readonly PlannedObject[];
  capacity: Capacity;
  touched: Touched;
  /** What can't be undone. */
  losses: readonly string[];
  /** Charts whose objects aren't known here. */
  unverified: readonly string[];
  warnings: readonly string[];
}

export interface PlanOptions {
  adopt?: boolean;
  forceConflicts?: boolean;
}

/** Requests to the server at once. */
const AT_ONCE = 8;

/** Gathers what the cluster has, and compares. Changes nothing. */
export async function planPlatform(
  client: ClusterClient,
  rendered: Rendered,
  options: PlanOptions & { slipway: string },
): Promise<Plan> {
  const { platform, environment } = rendered;
  const version = await client.version();
  refuseKubernetes(version, rendered);
  const inventory = await readInventory(client, { platform: platform.name, namespace: platform.namespace });
  const objects = await planObjects(client, rendered, inventory, options);
  const nodes = await readNodes(client, platform.name);
  const asks = askedFor(rendered.objects, nodes?.nodes ?? 1);
  return {
    platform: platform.name,
    ...(environment === undefined ? {} : { environment }),
    cluster: { version: version.gitVersion },
    ...(inventory === undefined ? {} : { appliedBy: inventory.slipway }),
    isPaused: inventory?.paused !== undefined,
    objects,
    capacity: { ...asks, ...(nodes === undefined ? {} : { nodes }), lacks: lacksOf(asks.asked, nodes) },
    touched: touchedBy(objects, platform),
    losses: lossesOf(objects),
    unverified: [
      ...rendered.charts
        .filter(({ state }) => state === "reference")
        .map(({ row, component }) => `${component}: what the chart ${row} makes isn't known here`),
      ...rendered.locked
        .filter(({ kind, proven }) => kind === "image" && proven === undefined)
        .map(({ row, version }) => `the image ${row} (${version}) was never run by the tests of Slipway`),
    ],
    warnings: [
      ...warningsOf(rendered, version, inventory, options.slipway),
      ...(await homeWarning(client, rendered)),
    ],
  };
}

/** The inventory needs a place, also where no component makes the platform's namespace. */
async function homeWarning(client: ClusterClient, { platform, objects }: Rendered): Promise<string[]> {
  const { namespace } = platform;
  const isMade = objects.some(
    ({ object }) => object.kind === "Namespace" && object.metadata.name === namespace,
  );
  const identity = { group: "", kind: "Namespace", namespace: undefined, name: namespace };
  if (isMade || (await client.get(identity, "v1")) !== undefined) return [];
  return [`the namespace ${namespace} is made for the inventory`];
}

/** Plans every object of the file, and the removal of those that left it. */
export async function planObjects(
  client: ClusterClient,
  rendered: Rendered,
  inventory: KeptInventory | undefined,
  { adopt = false, forceConflicts = false }: PlanOptions,
): Promise<PlannedObject[]> {
  const all = rendered.objects.map(({ object }) => object);
  const owned = inventory?.entries ?? [];
  const scope = {
    platform: rendered.platform.name,
    owned: new Set(owned.map(({ identity }) => identityKey(identity))),
    definitions: definitionsIn(all),
    namespaces: new Set(all.filter(({ kind }) => kind === "Namespace").map(({ metadata }) => metadata.name)),
    adopt,
    forceConflicts,
  };
  const planned = await mapLimited(rendered.objects, AT_ONCE, (one) => planObject(client, one, scope));
  const left = without(
    owned,
    all.map((object) => ({ identity: identityOf(object), version: "" })),
  );
  const removals = await mapLimited(left, AT_ONCE, (one) => planRemoval(client, one, rendered.platform.name));
  const contested = adopt ? [] : await contestedModels(client, rendered);
  return [...planned, ...removals.filter((one) => one !== undefined), ...contested];
}

/** `group/Kind` of the definitions among objects. */
export function definitionsIn(objects: readonly KubernetesObject[]): Set<string> {
  return new Set(
    objects
      .filter(
        ({ kind, apiVersion }) =>
          kind === "CustomResourceDefinition" && groupOf(apiVersion) === "apiextensions.k8s.io",
      )
      .map((object) => {
        const spec = object["spec"] as { group?: string; names?: { kind?: string } } | undefined;
        return `${spec?.group ?? ""}/${spec?.names?.kind ?? ""}`;
      }),
  );
}

function warningsOf(
  { platform }: Rendered,
  version: { major: string; minor: string },
  inventory: KeptInventory | undefined,
  slipway: string,
): string[] {
  const warnings: string[] = [];
  const served = servedVersion(version);
  if (served !== platform.kubernetes.version)
    warnings.push(
      `the cluster is Kubernetes ${served}; the file is written for ${platform.kubernetes.version} (kubernetes.version)`,
    );
  if (inventory === undefined) return warnings;
  const { state, paused } = inventory;
  if (state === "applying") warnings.push("the last apply didn't end; the next one goes on from there");
  if (state === "destroying") warnings.push("a destroy began and didn't end");
  if (paused !== undefined) warnings.push(`paused: ${paused.reason}`);
  const order = compareVersions(inventory.slipway, slipway);
  if (order < 0)
    warnings.push(`applied last by slipway ${inventory.slipway}; this is ${slipway}: apply needs --upgrade`);
  if (order > 0) warnings.push(`applied last by the newer slipway ${inventory.slipway}; this is ${slipway}`);
  return warnings;
}

/** PLATFORM_BLOCKED when something stands in the way; FIELDS_OWNED or OBJECT_NOT_OURS when all of it is of one sort. */
export function refuseBlocked(objects: readonly PlannedObject[]): void {
  const blocked = objects.filter(({ action }) => action === "blocked");
  const [first] = blocked;
  if (first === undefined) return;
  const codes = new Set(blocked.map(({ problem }) => problem?.code));
  const [code] = codes;
  const lines = blocked.map(({ key, problem }) => `${key}: ${problem?.message ?? "blocked"}`);
  throw new SlipwayError(
    codes.size === 1 && code !== undefined ? code : "PLATFORM_BLOCKED",
    blocked.length === 1 ? `an object stands in the way` : `${blocked.length} objects stand in the way`,
    {
      given: lines.slice(0, 20).join("; "),
      details: { objects: blocked.map(({ key, problem, conflicts }) => ({ key, problem, conflicts })) },
    },
  );
}
