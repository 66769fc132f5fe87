import type { ClusterClient, LiveObject } from "../cluster/client.ts";
import { MODELS } from "../components/argo-cd/models.ts";
import { ownerOf } from "../inventory/owner.ts";
import { identityKey, identityOf } from "../object.ts";
import type { Rendered } from "../render/rendered.ts";
import { MANAGED_BY, MANAGER } from "../serving/names.ts";
import { KSERVE_KIND, VARIANT_KINDS } from "../serving/variant-kinds.ts";
import type { PlannedObject } from "./object-plan.ts";

/** Of a controller that makes an object for another one. */
interface Reference {
  kind: string;
  name: string;
  controller?: boolean;
}

/**
 * What serves models is made as they are deployed, by control or by the Application of Argo CD that is rendered for it, and
 * by nobody else: two that keep the same object undo each other. Answers, as blocked, those that somebody else claims.
 */
export async function contestedModels(
  client: ClusterClient,
  { platform, objects }: Pick<Rendered, "platform" | "objects">,
): Promise<PlannedObject[]> {
  if (!Object.hasOwn(platform.components, "slipway")) return [];
  const all = objects.map(({ object }) => object);
  const places = all.filter(({ kind }) => kind === "Namespace").map(({ metadata }) => metadata.name);
  const isDelivered = all.some(({ kind, metadata }) => kind === "Application" && metadata.name === MODELS);
  const contested: PlannedObject[] = [];
  for (const { group, version, kind } of [...VARIANT_KINDS, KSERVE_KIND])
    for (const namespace of places) {
      const apiVersion = group === "" ? version : `${group}/${version}`;
      const selection = { namespace, labelSelector: `${MANAGED_BY}=${MANAGER}` };
      for (const live of await client.listKind(apiVersion, kind, selection)) {
        const by = claimantOf(live, platform.name);
        if (by !== undefined) contested.push(blocked(live, by, isDelivered));
      }
    }
  return contested;
}

/** Who else says that it keeps the object. Its own Application's mark stays on it when Argo CD goes, and claims nothing then. */
function claimantOf(live: LiveObject, platform: string): string | undefined {
  const owner = ownerOf(live, platform);
  if (owner.kind === "foreign" && owner.isClaimed && owner.by !== `Argo CD application ${MODELS}`)
    return owner.by;
  if (owner.kind === "platform") return `the platform ${owner.name}`;
  const references = (live.metadata["ownerReferences"] ?? []) as Reference[];
  const controller = references.find((one) => one.controller === true);
  // What KServe makes of an InferenceService bears its labels.
  if (controller === undefined || controller.kind === KSERVE_KIND.kind) return undefined;
  return `${controller.kind} ${controller.name}`;
}

function blocked(live: LiveObject, by: string, isDelivered: boolean): PlannedObject {
  const identity = identityOf(live);
  const keeper = isDelivered ? `the Application ${MODELS}` : "Slipway's control";
  return {
    key: identityKey(identity),
    identity,
    action: "blocked",
    fields: [],
    checked: "server",
    conflicts: [],
    problem: {
      code: "OBJECT_NOT_OURS",
      message: `it serves a model, which ${keeper} keeps, and is of ${by}`,
    },
  };
}
