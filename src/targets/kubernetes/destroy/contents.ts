import { SlipwayError } from "../../../http/errors.ts";
import type { ClusterClient, LiveObject } from "../cluster/client.ts";
import type { ApiResource } from "../cluster/discovery.ts";
import { mapLimited } from "../cluster/parallel.ts";
import { versionOf } from "../apply/wait-ready.ts";
import type { Owned } from "../inventory/entry.ts";
import { PLATFORM_LABEL } from "../inventory/inventory.ts";
import { identityOf } from "../object.ts";
import { MANAGED_BY, MANAGER } from "../serving/names.ts";

/** What stands in a namespace and isn't ours to delete. */
export interface Contents {
  /** Claims of volumes: data. */
  volumes: readonly string[];
  /** Claims that the cluster deletes with what owns them, such as a database's. */
  owned: readonly string[];
  /** What our control made as it ran: variants, pipeline runs, the tokens of their pods. It goes wherever it stands. */
  made: readonly Owned[];
  /** `Secret/objects`: made by somebody. */
  foreign: readonly string[];
  /** Kinds at which the right to look is missing. */
  hidden: readonly string[];
}

/** Kinds that the cluster makes and removes by itself. */
const PASSING: ReadonlySet<string> = new Set([
  "ControllerRevision",
  "CSIStorageCapacity",
  "Endpoints",
  "EndpointSlice",
  "Event",
  "IPAddress",
  "Lease",
  "NodeMetrics",
  "PodMetrics",
]);

/** In the label of what control makes: of variants, and of pipeline runs. */
const CONTROL: ReadonlySet<string | undefined> = new Set([MANAGER, "slipway"]);

const AT_ONCE = 8;

interface Scope {
  platform: string;
  /** `kind/namespace/name` of what controllers of the platform make. */
  made: ReadonlySet<string>;
}

/** Kinds in namespaces that can be listed and deleted. */
export async function namespacedKinds(client: ClusterClient): Promise<ApiResource[]> {
  return (await client.discovery.all()).filter(
    ({ isNamespaced, verbs, kind }) =>
      isNamespaced && verbs.includes("list") && verbs.includes("delete") && !PASSING.has(kind),
  );
}

/** Looks at everything in a namespace. */
export async function contentsOf(
  client: ClusterClient,
  namespace: string,
  kinds: readonly ApiResource[],
  scope: Scope,
): Promise<Contents> {
  const hidden: string[] = [];
  const lists = await mapLimited(kinds, AT_ONCE, (kind) =>
    client.list(kind, namespace).catch((error: unknown) => {
      if (!(error instanceof SlipwayError)) throw error;
      // A kind whose server is gone lists nothing; one that may not be seen may hold something.
      if (error.code === "CLUSTER_FORBIDDEN") hidden.push(kind.plural);
      return [];
    }),
  );
  const all = lists.flat();
  const others = all.filter((object) => !isOurs(object, scope) && !isAutomatic(object));
  const made = others.filter(isOfControl);
  const rest = others.filter((object) => !isOfControl(object));
  const isClaim = ({ kind }: LiveObject) => kind === "PersistentVolumeClaim";
  return {
    volumes: rest.filter(isClaim).map(({ metadata }) => metadata.name),
    owned: all.filter((object) => isClaim(object) && isOwned(object)).map(({ metadata }) => metadata.name),
    made: made.map((object) => ({ identity: identityOf(object), version: versionOf(object.apiVersion) })),
    foreign: rest
      .filter((object) => !isClaim(object))
      .map(({ kind, metadata }) => `${kind}/${metadata.name}`),
    hidden,
  };
}

function isOurs({ kind, metadata }: LiveObject, { platform, made }: Scope): boolean {
  return (
    metadata.labels?.[PLATFORM_LABEL] === platform ||
    made.has([kind, metadata.namespace ?? "", metadata.name].join("/"))
  );
}

/** An object of another platform bears that one's label. */
function isOfControl({ metadata: { labels = {} } }: LiveObject): boolean {
  return labels[PLATFORM_LABEL] === undefined && CONTROL.has(labels[MANAGED_BY]);
}

/** What belongs to something else goes with it; what every namespace has goes with the namespace. */
function isAutomatic({ kind, metadata, type }: LiveObject): boolean {
  if (isOwned({ metadata })) return true;
  if (kind === "ServiceAccount") return metadata.name === "default";
  if (kind === "ConfigMap") return metadata.name === "kube-root-ca.crt";
  return kind === "Secret" && type === "kubernetes.io/service-account-token";
}

function isOwned({ metadata }: Pick<LiveObject, "metadata">): boolean {
  return ((metadata["ownerReferences"] ?? []) as unknown[]).length > 0;
}
