import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Fields = Record<string, unknown>;
interface Stored extends Fields {
  apiVersion: string;
  kind: string;
  metadata: Fields & { name: string; namespace?: string; uid: string; resourceVersion: string };
}

interface Kind {
  apiVersion: string;
  kind: string;
  plural: string;
  isNamespaced: boolean;
}

const KINDS: Kind[] = [
  ["v1", "Namespace", "namespaces", false],
  ["v1", "ConfigMap", "configmaps", true],
  ["v1", "Secret", "secrets", true],
  ["v1", "Service", "services", true],
  ["v1", "ServiceAccount", "serviceaccounts", true],
  ["v1", "Node", "nodes", false],
  ["v1", "Pod", "pods", true],
  ["v1", "PersistentVolumeClaim", "persistentvolumeclaims", true],
  ["apps/v1", "Deployment", "deployments", true],
  ["apps/v1", "StatefulSet", "statefulsets", true],
  ["batch/v1", "Job", "jobs", true],
  ["apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false],
  ["coordination.k8s.io/v1", "Lease", "leases", true],
  ["storage.k8s.io/v1", "StorageClass", "storageclasses", false],
].map(([apiVersion, kind, plural, isNamespaced]) => ({ apiVersion, kind, plural, isNamespaced }) as Kind);

/** What a request is answered with instead. */
type Intercept = (
  method: string,
  path: string,
  body: Fields,
) => { status: number; body?: Fields } | undefined;

/**
 * An API server in memory with just enough sense for unit tests: discovery, get, list, server-side apply with owners
 * of whole top fields, delete with uid preconditions and finalizers. The real one is what test/cluster runs against.
 */
export class FakeApi {
  readonly objects = new Map<string, Stored>();
  /** `PATCH /apis/apps/v1/…?dryRun`, in order. */
  readonly calls: string[] = [];
  intercept: Intercept = () => undefined;
  /** Becomes the object's status as soon as it is applied. */
  statusOf: (object: Stored) => Fields | undefined = () => undefined;
  /** Answers a request by itself, such as a log that is followed; true: it did. */
  raw: (url: URL, response: ServerResponse) => boolean = () => false;
  readonly #kinds: Kind[];
  readonly #watches = new Set<(type: string, object: Stored) => void>();
  #server: Server | undefined;
  #version = 1;

  /** `more`: kinds of its own besides those of every cluster. */
  constructor(more: readonly Kind[] = []) {
    this.#kinds = [...KINDS, ...more];
  }

  async start(): Promise<string> {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((done) => this.#server?.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((done) => this.#server?.close(done));
  }

  put(object: Fields & { apiVersion: string; kind: string; metadata: Fields & { name: string } }): Stored {
    const stored = this.#stamp(structuredClone(object), undefined);
    this.objects.set(keyOf(stored), stored);
    this.#tell("ADDED", stored);
    return stored;
  }

  find(kind: string, name: string, namespace?: string): Stored | undefined {
    return [...this.objects.values()].find(
      (one) => one.kind === kind && one.metadata.name === name && one.metadata.namespace === namespace,
    );
  }

  /** `Kind/name` of all that is there, sorted. */
  names(): string[] {
    return [...this.objects.values()].map((one) => `${one.kind}/${one.metadata.name}`).sort();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const body = (text === "" ? {} : JSON.parse(text)) as Fields;
    const url = new URL(request.url ?? "/", "http://fake");
    const method = request.method ?? "GET";
    const isDry = url.searchParams.get("dryRun") !== null;
    this.calls.push(`${method} ${url.pathname}${isDry ? "?dryRun" : ""}`);
    if (this.raw(url, response)) return;
    if (url.searchParams.has("watch")) return this.#watch(url, response);
    const given = this.intercept(method, url.pathname + (isDry ? "?dryRun" : ""), body);
    const isMerge = request.headers["content-type"]?.includes("merge-patch") === true;
    const { status, body: answer } = given ?? this.#route(isMerge ? "MERGE" : method, url, body);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer ?? {}));
  }

  #route(method: string, url: URL, body: Fields): { status: number; body?: Fields } {
    const path = url.pathname;
    if (path === "/version")
      return {
        status: 200,
        body: { major: "1", minor: "36", gitVersion: "v1.36.3", platform: "linux/amd64" },
      };
    if (path === "/apis") return { status: 200, body: { groups: this.#groups() } };
    if (path.endsWith("/selfsubjectaccessreviews"))
      return { status: 201, body: { status: { allowed: true } } };
    const match =
      /^\/(?:api|apis\/([^/]+))\/(v[^/]+)(?:\/namespaces\/([^/]+))?(?:\/([^/]+)(?:\/([^/]+)(?:\/status)?)?)?$/.exec(
        path,
      );
    if (match === null) return failure(404, "NotFound", "the server could not find the requested resource");
    const [, group = "", version = "", namespace, plural, name] = match;
    const apiVersion = group === "" ? version : `${group}/${version}`;
    if (plural === undefined && namespace === undefined) return this.#resources(apiVersion);
    // /api/v1/namespaces/NAME is the namespace itself.
    const own =
      plural === undefined ? { plural: "namespaces", name: namespace } : { plural, name, namespace };
    const kind = this.#kinds.find((one) => one.apiVersion === apiVersion && one.plural === own.plural);
    if (kind === undefined)
      return failure(404, "NotFound", "the server could not find the requested resource");
    return this.#act(method, url, { kind, namespace: own.namespace, name: own.name, body });
  }

  #act(
    method: string,
    url: URL,
    {
      kind,
      namespace,
      name,
      body,
    }: { kind: Kind; namespace: string | undefined; name: string | undefined; body: Fields },
  ): { status: number; body?: Fields } {
    const key = [
      kind.apiVersion.split("/").length > 1 ? kind.apiVersion.split("/")[0] : "",
      kind.kind,
      namespace ?? "",
      name ?? "",
    ].join("/");
    const live = this.objects.get(key);
    if (method === "GET" && name === undefined) {
      const items = [...this.objects.values()].filter((one) => isSelected(one, kind, namespace, url));
      return { status: 200, body: { items, metadata: { resourceVersion: String(this.#version) } } };
    }
    if (method === "POST") {
      const taken = [key.replace(/\/$/, ""), body.metadata && (body.metadata as Fields).name].join("/");
      if (this.objects.has(taken)) return failure(409, "AlreadyExists", `${kind.plural} already exists`);
      const made = this.put({ ...body, apiVersion: kind.apiVersion, kind: kind.kind } as never);
      return { status: 201, body: made };
    }
    if (method === "GET")
      return live === undefined
        ? failure(404, "NotFound", `${kind.plural} "${name}" not found`)
        : { status: 200, body: live };
    if (method === "DELETE") return this.#delete(key, live, body);
    if (method === "MERGE") {
      if (live === undefined) return failure(404, "NotFound", "not found");
      patch(live, body);
      const stored = this.#stamp(live, live);
      this.#tell("MODIFIED", stored);
      return { status: 200, body: stored };
    }
    if (namespace !== undefined && this.find("Namespace", namespace) === undefined)
      return failure(404, "NotFound", `namespaces "${namespace}" not found`);
    return this.#apply(url, live, body as Stored, key);
  }

  #tell(type: string, object: Stored): void {
    for (const listener of this.#watches) listener(type, object);
  }

  /** From now on: what was missed before comes with the list. */
  #watch(url: URL, response: ServerResponse): void {
    const [, group, version, namespace, plural] =
      /^\/(?:api|apis\/([^/]+))\/(v[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)$/.exec(url.pathname) ?? [];
    const apiVersion = group === undefined ? version : `${group}/${version}`;
    const kind = this.#kinds.find((one) => one.apiVersion === apiVersion && one.plural === plural);
    const listener = (type: string, object: Stored): void => {
      if (kind !== undefined && isSelected(object, kind, namespace, url))
        response.write(`${JSON.stringify({ type, object })}\n`);
    };
    response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    // What changed between the list and this watch.
    for (const object of this.objects.values())
      if (Number(object.metadata.resourceVersion) >= Number(url.searchParams.get("resourceVersion")))
        listener("MODIFIED", object);
    this.#watches.add(listener);
    response.on("close", () => this.#watches.delete(listener));
  }

  #delete(key: string, live: Stored | undefined, body: Fields): { status: number; body?: Fields } {
    if (live === undefined) return failure(404, "NotFound", "not found");
    const uid = (body.preconditions as Fields | undefined)?.uid;
    if (uid !== undefined && uid !== live.metadata.uid) return failure(409, "Conflict", "uid doesn't match");
    if (((live.metadata.finalizers as string[] | undefined) ?? []).length > 0)
      live.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
    else {
      this.objects.delete(key);
      this.#tell("DELETED", live);
    }
    return { status: 200, body: {} };
  }

  #apply(url: URL, live: Stored | undefined, body: Stored, key: string): { status: number; body?: Fields } {
    const query = url.searchParams;
    const manager = query.get("fieldManager") ?? "";
    const owners = (live?.$owners ?? {}) as Record<string, string>;
    const { apiVersion, kind, metadata, ...rest } = body;
    const flat = leaves(rest);
    const conflicts = Object.keys(flat).filter(
      (field) =>
        owners[field] !== undefined &&
        owners[field] !== manager &&
        JSON.stringify(leaves(live ?? {})[field]) !== JSON.stringify(flat[field]),
    );
    if (conflicts.length > 0 && query.get("force") !== "true")
      return failure(409, "Conflict", "Apply failed", {
        causes: conflicts.map((field) => ({
          reason: "FieldManagerConflict",
          message: `conflict with "${owners[field]}"`,
          field: `.${field}`,
        })),
      });
    const next = structuredClone(live ?? ({ apiVersion, kind, metadata: {} } as unknown as Stored));
    for (const [field, owner] of Object.entries(owners))
      if (owner === manager && !(field in flat)) remove(next, field);
    merge(next, rest);
    next.metadata = { ...next.metadata, ...metadata };
    const stored = this.#stamp(next, live);
    for (const field of Object.keys(flat)) (stored.$owners as Record<string, string>)[field] = manager;
    const status = this.statusOf(stored);
    if (status !== undefined) stored.status = status;
    if (query.get("dryRun") === null) {
      this.objects.set(key, stored);
      this.#tell(live === undefined ? "ADDED" : "MODIFIED", stored);
      if (kind === "CustomResourceDefinition") this.#define(stored);
    }
    return { status: live === undefined ? 201 : 200, body: stored };
  }

  #stamp(object: Fields, live: Stored | undefined): Stored {
    const stored = object as Stored;
    stored.$owners = { ...(live?.$owners as Fields | undefined), ...(object.$owners as Fields | undefined) };
    stored.metadata.uid = live?.metadata.uid ?? `uid-${this.#version}`;
    stored.metadata.resourceVersion = String(this.#version++);
    return stored;
  }

  #define(definition: Stored): void {
    const spec = definition.spec as {
      group: string;
      names: { kind: string; plural: string };
      scope: string;
      versions: { name: string }[];
    };
    this.#kinds.push({
      apiVersion: `${spec.group}/${spec.versions[0]?.name}`,
      kind: spec.names.kind,
      plural: spec.names.plural,
      isNamespaced: spec.scope === "Namespaced",
    });
  }

  #groups(): Fields[] {
    const groups = new Map<string, string>();
    for (const { apiVersion } of this.#kinds) {
      const [group, version] = apiVersion.split("/");
      if (group !== undefined && version !== undefined) groups.set(group, version);
    }
    return [...groups].map(([name, version]) => ({
      name,
      preferredVersion: { version },
      versions: [{ version }],
    }));
  }

  #resources(apiVersion: string): { status: number; body?: Fields } {
    const resources = this.#kinds
      .filter((one) => one.apiVersion === apiVersion)
      .map(({ plural, kind, isNamespaced }) => ({
        name: plural,
        kind,
        namespaced: isNamespaced,
        verbs: ["get", "list", "delete", "patch", "create"],
      }));
    return resources.length === 0
      ? failure(404, "NotFound", "not found")
      : { status: 200, body: { resources } };
  }
}

function isSelected(one: Stored, kind: Kind, namespace: string | undefined, url: URL): boolean {
  const labels = (one.metadata.labels ?? {}) as Fields;
  const wanted = (url.searchParams.get("labelSelector") ?? "").split(",").filter((part) => part !== "");
  return (
    one.kind === kind.kind &&
    (namespace === undefined || one.metadata.namespace === namespace) &&
    wanted.every((part) => labels[part.split("=")[0] ?? ""] === part.split("=")[1])
  );
}

function keyOf({ apiVersion, kind, metadata }: Stored): string {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  return [group, kind, metadata.namespace ?? "", metadata.name].join("/");
}

/** An answer as the API server writes its failures. */
export function failure(
  code: number,
  reason: string,
  message: string,
  details: Fields = {},
): { status: number; body: Fields } {
  return { status: code, body: { kind: "Status", code, reason, message, details } };
}

function leaves(value: Fields, prefix = ""): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    if (typeof inner === "object" && inner !== null && !Array.isArray(inner))
      Object.assign(found, leaves(inner as Fields, path));
    else found[path] = inner;
  }
  return found;
}

function merge(target: Fields, source: Fields): void {
  for (const [key, value] of Object.entries(source)) {
    const there = target[key];
    if (
      typeof value === "object" &&
      value !== null &&
      !Array.isArray(value) &&
      typeof there === "object" &&
      there !== null
    )
      merge(there as Fields, value as Fields);
    else target[key] = value;
  }
}

function remove(target: Fields, path: string): void {
  const [first = "", ...rest] = path.split(".");
  if (rest.length === 0) delete target[first];
  else if (typeof target[first] === "object" && target[first] !== null)
    remove(target[first] as Fields, rest.join("."));
}

/** RFC 7386: null takes a key away. */
function patch(target: Fields, source: Fields): void {
  for (const [key, value] of Object.entries(source)) {
    if (value === null) delete target[key];
    else if (typeof value === "object" && !Array.isArray(value))
      patch((target[key] ??= {}) as Fields, value as Fields);
    else target[key] = value;
  }
}
