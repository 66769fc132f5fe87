import type { LabelSelector, Labels } from "../label-selector.ts";
import { selects } from "../label-selector.ts";
import { groupOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";
import { podsOf } from "../pod-template.ts";
import type { Pod } from "../pod-template.ts";
import type { Rendered, RenderedObject } from "../render/rendered.ts";
import { derivedFrom } from "./derived.ts";
import type { KeyHolder, ServicePorts } from "./derived.ts";
import { Field } from "./field.ts";
import { servedKinds } from "./kinds.ts";
import type { ServedKind } from "./kinds.ts";
import { metricIndex } from "./metric-index.ts";
import type { KnownMetric } from "./metric-index.ts";

/** In every cluster. */
const SYSTEM_NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];

/** Everything that there will be once a platform is applied: rendered, made by controllers, or given. */
export class World {
  readonly rendered: Rendered;
  readonly minor: number;
  readonly namespaces: ReadonlySet<string>;
  readonly pods: readonly Pod[];
  readonly services: readonly ServicePorts[];
  readonly kinds: readonly ServedKind[];
  readonly serviceAccounts: ReadonlySet<string>;
  /** By the name of the series. */
  readonly metrics: ReadonlyMap<string, KnownMetric>;
  /** Identifiers of Grafana's data sources that are rendered. */
  readonly dataSources: readonly string[];
  private readonly objects = new Map<string, RenderedObject>();
  /** By kind and group. */
  private readonly kindred = new Map<string, RenderedObject[]>();
  private readonly holders = new Map<string, KeyHolder["keys"]>();

  constructor(rendered: Rendered, kubernetesVersion: string) {
    this.rendered = rendered;
    this.minor = Number(kubernetesVersion.split(".")[1] ?? 0);
    const objects = rendered.objects.map(({ object }) => object);
    for (const one of rendered.objects) {
      this.objects.set(keyOf(one.object), one);
      const kind = `${one.object.kind}.${groupOf(one.object.apiVersion)}`;
      this.kindred.set(kind, [...(this.kindred.get(kind) ?? []), one]);
    }
    const { given } = rendered;
    this.namespaces = new Set([
      ...SYSTEM_NAMESPACES,
      ...given.namespaces,
      ...objects.filter(({ kind }) => kind === "Namespace").map(({ metadata }) => metadata.name),
    ]);
    const derived = derivedFrom(objects, this.namespaces);
    this.pods = [...objects.flatMap(podsOf), ...derived.pods];
    this.services = [
      ...objects.filter(({ apiVersion, kind }) => kind === "Service" && apiVersion === "v1").map(readService),
      ...derived.services,
      ...given.services.map(({ ports, ...one }) => ({ ...one, ports: ports.map((port) => ({ port })) })),
    ];
    this.kinds = servedKinds(rendered, this.minor);
    this.serviceAccounts = new Set(
      [
        ...objects.filter(({ kind }) => kind === "ServiceAccount").map(placeOf),
        ...derived.serviceAccounts,
        ...given.serviceAccounts,
      ].map(({ namespace, name }) => `${namespace}/${name}`),
    );
    this.metrics = metricIndex(rendered);
    this.dataSources = objects.flatMap(dataSourcesOf);
    for (const object of objects) this.hold(object);
    for (const one of derived.secrets) this.add("Secret", one);
    for (const one of given.secrets) this.add("Secret", one);
    for (const one of given.configMaps) this.add("ConfigMap", one);
    for (const { made, ...one } of rendered.secrets) if (made.how === "controller") this.add("Secret", one);
    for (const namespace of this.namespaces)
      this.add("ConfigMap", { namespace, name: "kube-root-ca.crt", keys: ["ca.crt"] });
  }

  /** A rendered object; `namespace` undefined or empty: one of the whole cluster. */
  find(group: string, kind: string, namespace: string | undefined, name: string): RenderedObject | undefined {
    return this.objects.get(`${kind}.${group}/${namespace ?? ""}/${name}`);
  }

  ofKind(group: string, kind: string): readonly RenderedObject[] {
    return this.kindred.get(`${kind}.${group}`) ?? [];
  }

  /** Keys of a Secret or ConfigMap; undefined when there will be none of this name. */
  keys(kind: "Secret" | "ConfigMap", namespace: string, name: string): KeyHolder["keys"] | undefined {
    return this.holders.get(`${kind}/${namespace}/${name}`);
  }

  /** All of a kind's names in a namespace, to say which was meant. */
  holderNames(kind: "Secret" | "ConfigMap", namespace: string): string[] {
    const prefix = `${kind}/${namespace}/`;
    return [...this.holders.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
  }

  service(namespace: string, name: string): ServicePorts | undefined {
    return this.services.find((one) => one.namespace === namespace && one.name === name);
  }

  podsBy(namespace: string, selector: LabelSelector): Pod[] {
    return this.pods.filter((pod) => pod.namespace === namespace && selects(selector, pod.labels));
  }

  /** Charts whose objects aren't known and may lie in a namespace; undefined: anywhere. */
  unreadCharts(namespace?: string): string[] {
    return this.rendered.charts
      .filter(
        (chart) => chart.state === "reference" && (namespace === undefined || chart.namespace === namespace),
      )
      .map(({ row }) => row);
  }

  private hold(object: KubernetesObject): void {
    if (object.apiVersion !== "v1" || (object.kind !== "Secret" && object.kind !== "ConfigMap")) return;
    const root = new Field(object);
    const keys = ["data", "stringData", "binaryData"].flatMap((part) =>
      root.at(part).entries.map(([key]) => key),
    );
    this.add(object.kind, { ...placeOf(object), keys });
  }

  /** What is stated twice has the keys of both. */
  private add(kind: "Secret" | "ConfigMap", { namespace, name, keys }: KeyHolder): void {
    const key = `${kind}/${namespace}/${name}`;
    const before = this.holders.get(key);
    this.holders.set(key, before === "any" || keys === "any" ? "any" : [...(before ?? []), ...keys]);
  }
}

function keyOf({ apiVersion, kind, metadata }: KubernetesObject): string {
  return `${kind}.${groupOf(apiVersion)}/${metadata.namespace ?? ""}/${metadata.name}`;
}

function placeOf({ metadata }: KubernetesObject): { namespace: string; name: string } {
  return { namespace: metadata.namespace ?? "default", name: metadata.name };
}

function readService(object: KubernetesObject): ServicePorts {
  const ports = new Field(object).at("spec", "ports").items.map((one) => {
    const name = one.at("name").text;
    return { ...(name === undefined ? {} : { name }), port: one.at("port").number ?? 0 };
  });
  return { ...placeOf(object), ports, labels: labelsOf(object) };
}

export function labelsOf({ metadata }: KubernetesObject): Labels {
  return metadata.labels ?? {};
}

/** `uid:` of every data source that a provisioning file of Grafana names. */
function dataSourcesOf(object: KubernetesObject): string[] {
  if (object.kind !== "ConfigMap" && object.kind !== "Secret") return [];
  const root = new Field(object);
  const files = ["data", "stringData"].flatMap((part) =>
    root.at(part).entries.map(([, file]) => file.text ?? ""),
  );
  return files
    .filter((text) => text.includes("datasources:") || text.includes('"datasources"'))
    .flatMap((text) => [...text.matchAll(/["']?\buid["']?:\s*["']?([\w-]+)/g)].map(([, uid = ""]) => uid));
}
