import { apiError, statusOf } from "./api-error.ts";
import type { Send } from "./transport.ts";

/** One kind as the server offers it in one version of its API. */
export interface ApiResource {
  group: string;
  version: string;
  kind: string;
  /** As in addresses and RBAC: `deployments`. */
  plural: string;
  isNamespaced: boolean;
  verbs: readonly string[];
}

interface GroupVersion {
  group: string;
  version: string;
}

interface RawResource {
  name: string;
  kind: string;
  namespaced: boolean;
  verbs: string[];
}

/** Which kinds the server has. What it has is kept; what it hasn't is asked for again, as definitions come. */
export class Discovery {
  readonly #send: Send;
  readonly #kept = new Map<string, readonly ApiResource[]>();

  constructor(send: Send) {
    this.#send = send;
  }

  /** The resource of a kind in this version; undefined when the server doesn't serve it. */
  async find(apiVersion: string, kind: string): Promise<ApiResource | undefined> {
    const byKind = (list: readonly ApiResource[]): ApiResource | undefined =>
      list.find((resource) => resource.kind === kind);
    const kept = byKind(this.#kept.get(apiVersion) ?? []);
    return kept ?? byKind(await this.#read(apiVersion));
  }

  /** The kind in any version that the server serves, its preferred one first. */
  async findInGroup(group: string, kind: string): Promise<ApiResource | undefined> {
    for (const { version } of (await this.groupVersions()).filter((one) => one.group === group)) {
      const found = await this.find(group === "" ? version : `${group}/${version}`, kind);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** All versions of all groups; each group's preferred one first. */
  async groupVersions(): Promise<GroupVersion[]> {
    const { status, body } = await this.#send({ method: "GET", path: "/apis" });
    if (status !== 200) throw apiError(statusOf(status, body), { verb: "get", resource: "/apis" });
    const { groups } = body as {
      groups: { name: string; preferredVersion: { version: string }; versions: { version: string }[] }[];
    };
    return [
      { group: "", version: "v1" },
      ...groups.flatMap(({ name, preferredVersion, versions }) =>
        [preferredVersion, ...versions.filter(({ version }) => version !== preferredVersion.version)].map(
          ({ version }) => ({ group: name, version }),
        ),
      ),
    ];
  }

  /** Every kind in its group's preferred version. A group whose server is down is left out. */
  async all(): Promise<ApiResource[]> {
    const seen = new Set<string>();
    const found: ApiResource[] = [];
    for (const { group, version } of await this.groupVersions())
      for (const resource of await this.#read(group === "" ? version : `${group}/${version}`)) {
        const key = `${group}/${resource.kind}`;
        if (!seen.has(key)) found.push(resource);
        seen.add(key);
      }
    return found;
  }

  async #read(apiVersion: string): Promise<readonly ApiResource[]> {
    const path = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { status, body } = await this.#send({ method: "GET", path });
    if (status === 401 || status === 403)
      throw apiError(statusOf(status, body), { verb: "get", resource: path });
    if (status !== 200) return [];
    const [first, second] = apiVersion.split("/");
    const [group, version] = second === undefined ? ["", first ?? ""] : [first ?? "", second];
    const resources = (body as { resources?: RawResource[] }).resources ?? [];
    const list = resources
      .filter(({ name }) => !name.includes("/"))
      .map(({ name, kind, namespaced, verbs }) => ({
        group,
        version,
        kind,
        plural: name,
        isNamespaced: namespaced,
        verbs,
      }));
    this.#kept.set(apiVersion, list);
    return list;
  }
}
