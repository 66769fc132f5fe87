import { SlipwayError } from "../../../http/errors.ts";
import type { KubernetesObject, ObjectIdentity } from "../object.ts";
import { apiError, conflictsOf, statusOf } from "./api-error.ts";
import type { ApiStatus, Attempt, FieldConflict } from "./api-error.ts";
import { Discovery } from "./discovery.ts";
import type { ApiResource } from "./discovery.ts";
import type { ApiRequest, Send } from "./transport.ts";

/** Who we are in `managedFields`. */
export const FIELD_MANAGER = "slipway";

/** An object as the server holds it: with its uid, version and status. */
export type LiveObject = KubernetesObject;

/** What became of a server-side apply. */
export type Applied =
  | { result: "applied"; object: LiveObject }
  | { result: "conflict"; conflicts: FieldConflict[] }
  | { result: "refused"; status: ApiStatus }
  /** The server doesn't serve this kind in this version. */
  | { result: "no-kind" }
  /** Its namespace isn't there. */
  | { result: "no-namespace" };

interface ApplyOptions {
  dryRun?: boolean;
  /** Takes fields over that others own. */
  force?: boolean;
  /** Who owns the fields; default `slipway`, which is whoever applies a platform. */
  manager?: string;
}

interface DeleteOptions {
  /** Only this very object, not one of the same name that was made since. */
  uid?: string;
  propagation?: "Background" | "Foreground" | "Orphan";
  dryRun?: boolean;
}

/** Which objects of a kind: undefined is no limit. */
export interface Selection {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

export interface AccessQuestion {
  verb: string;
  group: string;
  resource: string;
  namespace?: string;
}

/** Objects in one page of a list. */
const PAGE = "500";

/** What platforms ask of an API server. Errors are CLUSTER_*, each naming verb and resource. */
export class ClusterClient {
  readonly discovery: Discovery;
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
    this.discovery = new Discovery(send);
  }

  /** `{ major: "1", minor: "36", gitVersion: "v1.36.3", platform: "linux/amd64" }`. */
  async version(): Promise<{ major: string; minor: string; gitVersion: string; platform: string }> {
    const attempt = { verb: "get", resource: "/version" };
    return (await this.#ask({ method: "GET", path: "/version" }, attempt)) as never;
  }

  /** The object in whichever version of its API the server prefers; undefined when it or its kind doesn't exist. */
  async get(identity: ObjectIdentity, version?: string): Promise<LiveObject | undefined> {
    const resource = await this.#resource(identity, version);
    if (resource === undefined) return undefined;
    return this.read(resource, identity.namespace, identity.name);
  }

  /** undefined when it doesn't exist. @param subresource such as `scale`, in place of the object */
  async read(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    subresource?: string,
  ): Promise<LiveObject | undefined> {
    const path = addressOf(resource, namespace, name, subresource);
    const { status, body } = await this.#send({ method: "GET", path });
    if (status === 404) return undefined;
    if (status !== 200)
      throw apiError(statusOf(status, body), attemptOf("get", resource, namespace, name, subresource));
    return body as LiveObject;
  }

  /** All of a kind, in all namespaces or in one, page by page. */
  async list(resource: ApiResource, namespace?: string, labelSelector?: string): Promise<LiveObject[]> {
    return (await this.listAt(resource, { namespace, labelSelector })).objects;
  }

  /** What is there, and the resource version at which it was: from there on a watch tells what changes. */
  async listAt(
    resource: ApiResource,
    { namespace, labelSelector, fieldSelector }: Selection,
    signal?: AbortSignal,
  ): Promise<{ objects: LiveObject[]; resourceVersion: string }> {
    const attempt = attemptOf("list", resource, namespace);
    const path = addressOf(resource, namespace);
    const objects: LiveObject[] = [];
    let resourceVersion = "";
    let next: string | undefined;
    do {
      const query = { limit: PAGE, labelSelector, fieldSelector, continue: next };
      const page = (await this.#ask(
        { method: "GET", path, query, ...(signal === undefined ? {} : { signal }) },
        attempt,
      )) as {
        items: LiveObject[];
        metadata?: { continue?: string; resourceVersion?: string };
      };
      // Items of a list carry neither apiVersion nor kind.
      const apiVersion = resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
      objects.push(...page.items.map((item) => ({ ...item, apiVersion, kind: resource.kind })));
      next = page.metadata?.continue || undefined;
      resourceVersion = page.metadata?.resourceVersion ?? resourceVersion;
    } while (next !== undefined);
    return { objects, resourceVersion };
  }

  /** The same by kind; empty when the server has no such kind. */
  async listKind(
    apiVersion: string,
    kind: string,
    { namespace, labelSelector }: { namespace?: string; labelSelector?: string } = {},
  ): Promise<LiveObject[]> {
    const resource = await this.discovery.find(apiVersion, kind);
    return resource === undefined ? [] : this.list(resource, namespace, labelSelector);
  }

  /**
   * Server-side apply with strict field validation: an unknown or doubled field is refused, not dropped. What the
   * caller can act on is a result; a missing right or a server that fails is thrown.
   */
  async apply(
    object: KubernetesObject,
    { dryRun, force, manager = FIELD_MANAGER }: ApplyOptions = {},
  ): Promise<Applied> {
    const resource = await this.discovery.find(object.apiVersion, object.kind);
    if (resource === undefined) return { result: "no-kind" };
    const { namespace, name } = object.metadata;
    const { status, body } = await this.#send({
      method: "PATCH",
      path: addressOf(resource, namespace, name),
      contentType: "application/apply-patch+yaml",
      query: {
        fieldManager: manager,
        fieldValidation: "Strict",
        force: force === true ? "true" : undefined,
        dryRun: dryRun === true ? "All" : undefined,
      },
      body: object,
    });
    if (status === 200 || status === 201) return { result: "applied", object: body as LiveObject };
    const answer = statusOf(status, body);
    const conflicts = conflictsOf(answer);
    if (conflicts.length > 0) return { result: "conflict", conflicts };
    if (status === 404 && /^namespaces? "/.test(answer.message)) return { result: "no-namespace" };
    if (status === 404 && /could not find the requested resource|404 page not found/.test(answer.message))
      return { result: "no-kind" };
    if (isRefusal(answer)) return { result: "refused", status: answer };
    throw apiError(answer, attemptOf("patch", resource, namespace, name));
  }

  /** Makes it as it is, without claiming its fields for later; answers undefined when the name is taken. */
  async create(object: KubernetesObject): Promise<LiveObject | undefined> {
    const resource = await this.discovery.find(object.apiVersion, object.kind);
    const { namespace, name } = object.metadata;
    if (resource === undefined) throw noKind(object.apiVersion, object.kind);
    const { status, body } = await this.#send({
      method: "POST",
      path: addressOf(resource, namespace),
      query: { fieldValidation: "Strict", fieldManager: FIELD_MANAGER },
      body: object,
    });
    if (status === 201) return body as LiveObject;
    const answer = statusOf(status, body);
    if (status === 409 && answer.reason === "AlreadyExists") return undefined;
    throw apiError(answer, attemptOf("create", resource, namespace, name));
  }

  /** Changes what the merge patch names (RFC 7386); `resourceVersion` in its metadata makes it conditional. */
  async merge(
    resource: ApiResource,
    namespace: string | undefined,
    name: string,
    patch: unknown,
    { subresource, manager = FIELD_MANAGER }: { subresource?: string; manager?: string } = {},
  ): Promise<void> {
    await this.#ask(
      {
        method: "PATCH",
        path: addressOf(resource, namespace, name, subresource),
        contentType: "application/merge-patch+json",
        query: { fieldManager: manager },
        body: patch,
      },
      attemptOf("patch", resource, namespace, name, subresource),
    );
  }

  /** Answers false when it didn't exist, or was another one than `uid`. */
  async delete(identity: ObjectIdentity, options: DeleteOptions = {}, version?: string): Promise<boolean> {
    const resource = await this.#resource(identity, version);
    if (resource === undefined) return false;
    const { namespace, name } = identity;
    const { status, body } = await this.#send({
      method: "DELETE",
      path: addressOf(resource, namespace, name),
      query: { dryRun: options.dryRun === true ? "All" : undefined },
      body: {
        apiVersion: "v1",
        kind: "DeleteOptions",
        propagationPolicy: options.propagation ?? "Background",
        ...(options.uid === undefined ? {} : { preconditions: { uid: options.uid } }),
      },
    });
    if (status === 404) return false;
    if (status === 409 && options.uid !== undefined) return false;
    if (status >= 300) throw apiError(statusOf(status, body), attemptOf("delete", resource, namespace, name));
    return true;
  }

  /** Whether whoever calls may do this (SelfSubjectAccessReview). */
  async may({ verb, group, resource, namespace }: AccessQuestion): Promise<boolean> {
    const answer = (await this.#ask(
      {
        method: "POST",
        path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        body: {
          apiVersion: "authorization.k8s.io/v1",
          kind: "SelfSubjectAccessReview",
          spec: {
            resourceAttributes: { verb, group, resource, ...(namespace === undefined ? {} : { namespace }) },
          },
        },
      },
      { verb: "create", resource: "selfsubjectaccessreviews.authorization.k8s.io" },
    )) as { status?: { allowed?: boolean } };
    return answer.status?.allowed === true;
  }

  /** GETs JSON of a Service in the cluster, by way of the API server. */
  async through(
    { namespace, name, port }: { namespace: string; name: string; port: number },
    path: string,
  ): Promise<unknown> {
    const service = `/api/v1/namespaces/${encodeURIComponent(namespace)}/services/${encodeURIComponent(`${name}:${port}`)}`;
    const attempt = { verb: "get", resource: "services/proxy", namespace, name };
    return this.#ask({ method: "GET", path: `${service}/proxy${path}` }, attempt);
  }

  async #resource({ group, kind }: ObjectIdentity, version?: string): Promise<ApiResource | undefined> {
    const known =
      version === undefined
        ? undefined
        : await this.discovery.find(group === "" ? version : `${group}/${version}`, kind);
    return known ?? this.discovery.findInGroup(group, kind);
  }

  async #ask(request: ApiRequest, attempt: Attempt): Promise<unknown> {
    const { status, body } = await this.#send(request);
    if (status >= 200 && status < 300) return body;
    throw apiError(statusOf(status, body), attempt);
  }
}

/** Words of the server about the object itself, also of a webhook that refuses or can't be reached. */
function isRefusal({ code, message }: ApiStatus): boolean {
  // 404: it names something, such as a Role, that isn't there.
  if (code === 400 || code === 404 || code === 422) return true;
  if (code === 403)
    return /exceeded quota|denied (?:the )?request|violates PodSecurity|is being terminated/.test(message);
  return (
    code === 500 && /failed calling webhook|conversion webhook|failed to create typed patch/.test(message)
  );
}

/** Path of a kind, of one object, or of a part of it, from the server's root. */
export function addressOf(
  { group, version, plural, isNamespaced }: ApiResource,
  namespace?: string,
  name?: string,
  subresource?: string,
): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const place = isNamespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const part = subresource === undefined ? "" : `/${subresource}`;
  return `${root}${place}/${plural}${name === undefined ? "" : `/${encodeURIComponent(name)}${part}`}`;
}

export function attemptOf(
  verb: string,
  { group, plural }: ApiResource,
  namespace?: string,
  name?: string,
  subresource?: string,
): Attempt {
  const kind = group === "" ? plural : `${plural}.${group}`;
  return { verb, resource: subresource === undefined ? kind : `${kind}/${subresource}`, namespace, name };
}

function noKind(apiVersion: string, kind: string): SlipwayError {
  return new SlipwayError("CLUSTER_KIND_MISSING", `the cluster has no kind ${kind} in ${apiVersion}`);
}
