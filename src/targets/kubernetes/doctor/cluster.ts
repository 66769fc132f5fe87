import { SlipwayError } from "../../../http/errors.ts";
import type { ClusterClient, LiveObject } from "../cluster/client.ts";
import type { ApiResource } from "../cluster/discovery.ts";
import { mapLimited } from "../cluster/parallel.ts";
import { listInventories } from "../inventory/inventory.ts";
import { ownerOf } from "../inventory/owner.ts";
import { groupOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";
import { askedFor, lacksOf, readNodes } from "../plan/capacity.ts";
import { isOlderThan, servedVersion, unfitFor } from "../plan/kubernetes-version.ts";
import { asksText } from "../plan/words.ts";
import type { Rendered } from "../render/rendered.ts";
import { failed, passed } from "../verify/checks.ts";
import type { Check } from "../verify/checks.ts";

/** What apply, prune and destroy do to each kind. */
const VERBS = ["get", "list", "create", "patch", "delete"] as const;
const AT_ONCE = 8;
const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";

/** What of the cluster matters to this platform: version, nodes, storage, definitions of others, and our rights. */
export async function checkCluster(client: ClusterClient, rendered: Rendered): Promise<Check[]> {
  const version = await client.version().catch(asCheck);
  if ("result" in version) return [version];
  const parts = [checkNodes, checkStorage, checkDefinitions, checkPlatforms, checkRights];
  const checks = await mapLimited(parts, 1, (part) =>
    part(client, rendered).catch((error: unknown) => [asCheck(error)]),
  );
  return [checkVersion(version, rendered), ...checks.flat()];
}

/** A cluster that isn't to be had is a finding too. */
function asCheck(error: unknown): Check {
  if (!(error instanceof SlipwayError)) throw error;
  return failed(
    "cluster",
    `${error.message}${error.facts.given === undefined ? "" : ` (${error.facts.given})`}`,
    error.hint,
  );
}

function checkVersion(
  version: { major: string; minor: string; gitVersion: string },
  rendered: Rendered,
): Check {
  const served = servedVersion(version);
  const { gitVersion } = version;
  const { platform } = rendered;
  const name = "Kubernetes version";
  const unfit = unfitFor(served, rendered);
  if (unfit.length > 0) return failed(name, `${gitVersion} isn't supported by ${unfit.join(", ")}`);
  if (served === platform.kubernetes.version) return passed(name, gitVersion);
  const says = `${gitVersion}; the file is written for ${platform.kubernetes.version}`;
  const hint = `Set kubernetes.version to "${served}" and plan again.`;
  if (isOlderThan(served, platform.kubernetes.version)) return failed(name, says, hint);
  return { name, result: "warning", says, hint };
}

async function checkNodes(client: ClusterClient, rendered: Rendered): Promise<Check[]> {
  const nodes = await readNodes(client, rendered.platform.name);
  if (nodes === undefined)
    return [{ name: "nodes", result: "warning", says: "the right to look at them is missing" }];
  const { asked } = askedFor(rendered.objects, nodes.nodes);
  const lacks = lacksOf(asked, nodes);
  const kinds = nodes.architectures;
  return [
    lacks.length === 0
      ? passed("capacity", `${asksText(asked)} fit on ${nodes.nodes} nodes`)
      : failed("capacity", lacks.join("; "), "Add nodes, or ask for less."),
    kinds.length <= 1
      ? passed("architecture", kinds.join(", ") || "no nodes")
      : {
          name: "architecture",
          result: "warning",
          says: `nodes differ: ${kinds.join(", ")}`,
          hint: "Every image must be built for all of them.",
        },
  ];
}

async function checkStorage(client: ClusterClient, rendered: Rendered): Promise<Check[]> {
  const classes = await client.listKind("storage.k8s.io/v1", "StorageClass");
  const names = classes.map(({ metadata }) => metadata.name);
  const missing = rendered.given.storageClasses.filter((name) => !names.includes(name));
  const preferred = classes.filter(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS] === "true");
  const needsStorage = askedFor(rendered.objects, 1).asked.storage > 0;
  return [
    ...missing.map((name) =>
      failed(
        "storage class",
        `${name} is given in the file and isn't there`,
        `There are: ${names.join(", ") || "none"}.`,
      ),
    ),
    preferred.length === 1 || !needsStorage
      ? passed(
          "default storage class",
          preferred.map(({ metadata }) => metadata.name).join(", ") || "none, and none is needed",
        )
      : failed(
          "default storage class",
          preferred.length === 0 ? "there is none, and volumes are asked for" : "there is more than one",
          `Mark one: kubectl annotate storageclass NAME ${DEFAULT_CLASS}=true`,
        ),
  ];
}

/** Definitions that we would bring and that somebody else brought: an upgrade of theirs would undo ours. */
async function checkDefinitions(client: ClusterClient, { platform, objects }: Rendered): Promise<Check[]> {
  const ours = new Set(
    objects
      .filter(({ object }) => object.kind === "CustomResourceDefinition")
      .map(({ object }) => object.metadata.name),
  );
  const there = await client.listKind("apiextensions.k8s.io/v1", "CustomResourceDefinition");
  const foreign = there.flatMap((live: LiveObject) => {
    if (!ours.has(live.metadata.name)) return [];
    const owner = ownerOf(live, platform.name);
    if (owner.kind === "ours") return [];
    return [`${live.metadata.name} of ${owner.kind === "platform" ? owner.name : owner.by}`];
  });
  if (foreign.length === 0) return [passed("definitions of others", "none that ours would meet")];
  const hint = "Leave that component out and name its kinds under given.definitions, or apply with --adopt.";
  return [failed("definitions of others", foreign.join("; "), hint)];
}

/** Platforms of ours that are there already: of other names, or of another version of slipway. */
async function checkPlatforms(client: ClusterClient, { platform }: Rendered): Promise<Check[]> {
  const others = (await listInventories(client)).filter(({ platform: name }) => name !== platform.name);
  const names = others.map(
    ({ platform: name, namespace, slipway }) => `${name} in ${namespace} (slipway ${slipway})`,
  );
  if (names.length === 0) return [passed("other platforms", "none")];
  const hint = "They may share the cluster as long as none names an object of the other.";
  return [{ name: "other platforms", result: "warning", says: names.join(", "), hint }];
}

interface Right {
  verb: string;
  resource: ApiResource;
  namespace?: string;
}

/** Asks the server for every right that applying and destroying need. */
async function checkRights(client: ClusterClient, rendered: Rendered): Promise<Check[]> {
  const all: KubernetesObject[] = rendered.objects.map(({ object }) => object);
  const rights = await rightsFor(client, all);
  const answers = await mapLimited(rights, AT_ONCE, async (right) => ({
    right,
    isAllowed: await client.may({
      verb: right.verb,
      group: right.resource.group,
      resource: right.resource.plural,
      ...(right.namespace === undefined ? {} : { namespace: right.namespace }),
    }),
  }));
  const missing = answers.filter(({ isAllowed }) => !isAllowed).map(({ right }) => right);
  if (missing.length === 0) return [passed("rights", `all ${rights.length} that are needed`)];
  const grouped = new Map<string, string[]>();
  for (const { verb, resource, namespace } of missing) {
    const name = resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
    const place = namespace === undefined ? name : `${name} in ${namespace}`;
    grouped.set(place, [...(grouped.get(place) ?? []), verb]);
  }
  const hint = "Ask an admin of the cluster for these rights.";
  return [...grouped].map(([place, verbs]) =>
    failed("rights", `missing: ${verbs.join(", ")} ${place}`, hint),
  );
}

async function rightsFor(client: ClusterClient, objects: readonly KubernetesObject[]): Promise<Right[]> {
  const rights = new Map<string, Right>();
  for (const { apiVersion, kind, metadata } of objects) {
    const resource = await client.discovery.find(apiVersion, kind);
    if (resource === undefined) continue;
    for (const verb of VERBS) {
      const { namespace } = metadata;
      const key = [verb, groupOf(apiVersion), resource.plural, namespace ?? ""].join("/");
      rights.set(key, { verb, resource, ...(namespace === undefined ? {} : { namespace }) });
    }
  }
  return [...rights.values()];
}
