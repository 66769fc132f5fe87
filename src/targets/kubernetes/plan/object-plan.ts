import type { ErrorCode } from "../../../http/errors.ts";
import { SlipwayError } from "../../../http/errors.ts";
import type { Path } from "../../../spec/issue.ts";
import { isImmutable } from "../cluster/api-error.ts";
import type { ApiStatus, FieldConflict } from "../cluster/api-error.ts";
import type { Applied, ClusterClient, LiveObject } from "../cluster/client.ts";
import { ownerOf } from "../inventory/owner.ts";
import type { Owner } from "../inventory/owner.ts";
import { groupOf, identityKey, identityOf } from "../object.ts";
import type { KubernetesObject, ObjectIdentity } from "../object.ts";
import type { RenderedObject } from "../render/rendered.ts";
import { fieldChanges } from "./field-changes.ts";
import type { FieldChange } from "./field-changes.ts";

type PlannedAction = "create" | "change" | "replace" | "delete" | "keep" | "blocked";

/** What applying would do to one object. */
export interface PlannedObject {
  key: string;
  identity: ObjectIdentity;
  /** Component or tenant; undefined for what left the file. */
  component?: string;
  /** Where in platform.yaml the wish for it stands. */
  from?: Path;
  action: PlannedAction;
  fields: readonly FieldChange[];
  /** `server`: its dry run said so; `elsewhere`: a dry run in another namespace; `no`: `note` says why. */
  checked: "server" | "elsewhere" | "no";
  note?: string;
  /** Fields that others own and that ours wants otherwise. */
  conflicts: readonly FieldConflict[];
  /** A namespace that somebody made before: it gets our labels, and stays when the platform goes. */
  isAdopted?: true;
  /** What stands in the way of a `blocked` one; why a `replace` can't be a change. */
  problem?: { code: ErrorCode; message: string };
}

/** What is known of the whole platform when one of its objects is planned. */
export interface PlanScope {
  platform: string;
  /** Keys of what we applied before. */
  owned: ReadonlySet<string>;
  /** `group/Kind` of the definitions that come with the platform. */
  definitions: ReadonlySet<string>;
  /** Namespaces that come with it. */
  namespaces: ReadonlySet<string>;
  /** Takes over what somebody else made. */
  adopt: boolean;
  /** Takes over fields that somebody else owns. */
  forceConflicts: boolean;
}

/** Where an object is tried whose own namespace isn't there yet, and as what. */
const ELSEWHERE = { namespace: "default", name: "slipway-plan" } as const;

/** How often an object is compared that others change meanwhile. */
const MOST_LOOKS = 3;

/** Compares an object with the cluster by a dry run of the server, which knows its own defaults and rules. */
export async function planObject(
  client: ClusterClient,
  rendered: RenderedObject,
  scope: PlanScope,
  looks = MOST_LOOKS,
): Promise<PlannedObject> {
  const { object, component, from } = rendered;
  const identity = identityOf(object);
  const key = identityKey(identity);
  const facts = { key, identity, component, from, fields: [], conflicts: [] };
  const resource = await client.discovery.find(object.apiVersion, object.kind);
  if (resource === undefined) return { ...facts, ...withoutKind(object, scope) };
  const live = await client.read(resource, object.metadata.namespace, object.metadata.name);
  const stranger = live === undefined ? undefined : strangerOf(live, key, scope);
  if (stranger !== undefined) return { ...facts, action: "blocked", checked: "server", problem: stranger };
  const force = scope.forceConflicts;
  const answer = await client.apply(object, { dryRun: true, force });
  if (answer.result === "conflict") {
    const forced = await client.apply(object, { dryRun: true, force: true });
    const fields = live !== undefined && forced.result === "applied" ? fieldChanges(live, forced.object) : [];
    const problem = { code: "FIELDS_OWNED" as const, message: conflictWords(answer.conflicts) };
    return { ...facts, action: "blocked", checked: "server", fields, conflicts: answer.conflicts, problem };
  }
  if (answer.result === "no-namespace") return { ...facts, ...(await planElsewhere(client, object, scope)) };
  if (answer.result === "no-kind") return { ...facts, ...withoutKind(object, scope) };
  if (answer.result === "refused") return { ...facts, ...refusal(answer.status, live) };
  const adopted = live !== undefined && isUnclaimedNamespace(live, scope) ? ADOPTION : {};
  const decided = decide(live, answer);
  if (decided.action === "change" && looks > 1) {
    // What an autoscaler did between the two would be told as the platform's own change.
    const now = await client.read(resource, object.metadata.namespace, object.metadata.name);
    if (now?.metadata["resourceVersion"] !== live?.metadata["resourceVersion"])
      return planObject(client, rendered, scope, looks - 1);
  }
  return { ...facts, ...decided, ...adopted };
}

const ADOPTION = {
  isAdopted: true,
  note: "was there before: it gets our labels, and stays when the platform is destroyed",
} as const;

/** Whoever makes a Secret before the first apply makes its namespace too. */
function isUnclaimedNamespace(live: LiveObject, { platform }: PlanScope): boolean {
  const owner = ownerOf(live, platform);
  return live.kind === "Namespace" && owner.kind === "foreign" && !owner.isClaimed;
}

/** Plans what left the file; undefined when it is gone already, or isn't ours any more. */
export async function planRemoval(
  client: ClusterClient,
  { identity, version }: { identity: ObjectIdentity; version: string },
  platform: string,
): Promise<PlannedObject | undefined> {
  const live = await client.get(identity, version);
  if (live === undefined) return undefined;
  const owner = ownerOf(live, platform);
  const facts = {
    key: identityKey(identity),
    identity,
    fields: [],
    conflicts: [],
    checked: "server" as const,
  };
  if (owner.kind === "ours") return { ...facts, action: "delete" };
  return { ...facts, action: "keep", note: `left the file, and stays: it is of ${ownerWords(owner)} now` };
}

function decide(
  live: LiveObject | undefined,
  { object }: Extract<Applied, { result: "applied" }>,
): Pick<PlannedObject, "action" | "fields" | "checked" | "note"> {
  if (live === undefined) return { action: "create", fields: [], checked: "server" };
  const fields = fieldChanges(live, object);
  const isLeaving = live.metadata["deletionTimestamp"] !== undefined;
  return {
    action: fields.length === 0 && !isLeaving ? "keep" : "change",
    fields,
    checked: "server",
    ...(isLeaving ? { note: "is being deleted; it is made anew once it is gone" } : {}),
  };
}

function strangerOf(live: LiveObject, key: string, scope: PlanScope): PlannedObject["problem"] {
  const owner = ownerOf(live, scope.platform);
  if (isUnclaimedNamespace(live, scope)) return undefined;
  if (owner.kind === "ours" || scope.adopt || (scope.owned.has(key) && owner.kind !== "platform"))
    return undefined;
  return { code: "OBJECT_NOT_OURS", message: `it exists and is of ${ownerWords(owner)}` };
}

function ownerWords(owner: Owner): string {
  if (owner.kind === "ours") return "this platform";
  return owner.kind === "platform" ? `the platform ${owner.name}` : owner.by;
}

function withoutKind(
  { apiVersion, kind }: KubernetesObject,
  { definitions }: PlanScope,
): Pick<PlannedObject, "action" | "checked" | "note" | "problem"> {
  if (definitions.has(`${groupOf(apiVersion)}/${kind}`))
    return {
      action: "create",
      checked: "no",
      note: "its definition comes with this platform: the server can check it only then",
    };
  return {
    action: "blocked",
    checked: "no",
    problem: {
      code: "CLUSTER_KIND_MISSING",
      message: `the cluster has no kind ${kind} in ${apiVersion}, and nothing in the platform brings it`,
    },
  };
}

function refusal(
  status: ApiStatus,
  live: LiveObject | undefined,
): Pick<PlannedObject, "action" | "checked" | "problem" | "note"> {
  if (live !== undefined && isImmutable(status))
    return {
      action: "replace",
      checked: "server",
      problem: { code: "CLUSTER_OBJECT_REFUSED", message: status.message },
    };
  if (/failed calling webhook/.test(status.message))
    return { action: live === undefined ? "create" : "change", checked: "no", note: status.message };
  return {
    action: "blocked",
    checked: "server",
    problem: { code: "CLUSTER_OBJECT_REFUSED", message: status.message },
  };
}

/** The server checks an object's form in any namespace: so an unknown field is found before the first apply, too. */
async function planElsewhere(
  client: ClusterClient,
  object: KubernetesObject,
  { namespaces }: PlanScope,
): Promise<Pick<PlannedObject, "action" | "checked" | "note" | "problem">> {
  const namespace = object.metadata.namespace ?? "";
  if (!namespaces.has(namespace))
    return {
      action: "blocked",
      checked: "server",
      problem: { code: "CLUSTER_NOT_FOUND", message: `there is no namespace ${namespace}` },
    };
  const created = { action: "create", note: "its namespace comes with this platform" } as const;
  const moved = { ...object, metadata: { ...object.metadata, ...ELSEWHERE } };
  const answer = await client.apply(moved, { dryRun: true, force: true }).catch((error: unknown) => {
    if (error instanceof SlipwayError && error.code === "CLUSTER_FORBIDDEN") return undefined;
    throw error;
  });
  if (answer?.result === "applied") return { action: "create", checked: "elsewhere" };
  // A name that has to lead somewhere leads nowhere in another namespace: only the form counts here.
  const isForm = answer?.result === "refused" && (answer.status.code === 400 || answer.status.code === 422);
  if (!isForm) return { ...created, checked: "no" };
  return {
    action: "blocked",
    checked: "elsewhere",
    problem: { code: "CLUSTER_OBJECT_REFUSED", message: answer.status.message },
  };
}

function conflictWords(conflicts: readonly FieldConflict[]): string {
  const byOwner = new Map<string, string[]>();
  for (const { manager, field } of conflicts) byOwner.set(manager, [...(byOwner.get(manager) ?? []), field]);
  return [...byOwner].map(([manager, fields]) => `${manager} owns ${fields.join(", ")}`).join("; ");
}
