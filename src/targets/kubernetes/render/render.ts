import { SlipwayError } from "../../../http/errors.ts";
import { formatPath } from "../../../spec/issue.ts";
import type { PlatformAt } from "../../../spec/platform/parse.ts";
import type { ChartSource } from "../charts/chart-source.ts";
import type { ChartUse, Component, ComponentOutput } from "../component.ts";
import { referenceObjects } from "../charts/references.ts";
import type { DeliveryFacts, Facts } from "../facts.ts";
import type { LockEntry } from "../lock.ts";
import { identityKey, identityOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";
import type { Registry } from "../registry.ts";
import { compareObjects, compareText } from "./order.ts";
import type { Owned, Rendered, RenderedChart, RenderedObject } from "./rendered.ts";

/** What a platform is rendered with. */
export interface RenderDeps {
  registry: Registry;
  charts: ChartSource;
}

/**
 * Makes of a platform what it becomes in a cluster. Pure: the same platform, registry and charts give the same bytes.
 * PLATFORM_OBJECT_TWICE when two parts make the same object.
 */
export function renderPlatform({ platform, environment, position }: PlatformAt, deps: RenderDeps): Rendered {
  const { registry } = deps;
  const used = new Set<string>();
  const locked = (component: Component<unknown>) => rows(component, registry, used);
  const chosen = registry.components.filter(({ name }) => Object.hasOwn(platform.components, name));
  const facts = publishedFacts(chosen, platform, locked);

  const parts: Part[] = chosen.map((component) => ({
    component: component.name,
    output: component.render({
      platform,
      ...optionsOf(component, platform),
      facts,
      locked: locked(component),
    }),
  }));
  const { tenant: renderTenant } = registry;
  for (const [index, tenant] of platform.tenants.entries())
    if (renderTenant !== undefined) {
      const row = (name: string) => rowOf(name, registry, used);
      const output = renderTenant({ platform, tenant, from: ["tenants", index], facts, locked: row });
      parts.push({ component: `tenants/${tenant.name}`, output });
    }

  const charts = readCharts(parts, deps);
  for (const { chart } of charts) used.add(chart.row);
  const objects = [
    ...parts.flatMap(objectsOf),
    ...charts.flatMap(({ objects }) => objects),
    ...delivered(charts, facts.delivery, registry),
  ];
  return {
    platform,
    ...(environment === undefined ? {} : { environment }),
    objects: inOrder(
      objects.map((one) => ({ ...one, object: labelled(one, platform.name) })),
      position,
    ),
    charts: charts.map(({ chart }) => chart),
    emits: gather(parts, ({ emits }) => emits),
    paths: gather(parts, ({ paths }) => paths),
    secrets: gather(parts, ({ secrets }) => secrets),
    access: gather(parts, ({ access }) => access),
    health: gather(parts, ({ health }) => health),
    locked: [...used].sort(compareText).map((row) => rowOf(row, registry)),
    given: platform.given,
  };
}

/** What the components publish for one another. Two that publish the same must exclude each other. */
function publishedFacts(
  chosen: readonly Component<unknown>[],
  platform: PlatformAt["platform"],
  locked: (component: Component<unknown>) => (row: string) => LockEntry,
): Partial<Facts> {
  const owners = new Map<string, string>();
  const facts: Partial<Facts> = {};
  for (const component of chosen) {
    const context = { platform, ...optionsOf(component, platform), locked: locked(component) };
    const published = component.publish?.(context) ?? {};
    for (const name of Object.keys(published)) {
      const other = owners.get(name);
      if (other !== undefined) throw new Error(`${other} and ${component.name} both publish ${name}`);
      owners.set(name, component.name);
    }
    Object.assign(facts, published);
  }
  return facts;
}

type Part = Owned<{ output: ComponentOutput }>;

function optionsOf(
  { name }: Component<unknown>,
  { components }: PlatformAt["platform"],
): { options: unknown } {
  return { options: components[name] };
}

/** `used` learns of it: the lock has what the platform is made of, and nothing that it might be made of. */
function rowOf(row: string, { versions }: Registry, used?: Set<string>): LockEntry {
  const entry = versions.find((one) => one.row === row);
  if (entry === undefined) throw new Error(`the table of versions has no row ${row}`);
  used?.add(row);
  return entry;
}

function rows(
  { name, locked }: Component<unknown>,
  registry: Registry,
  used: Set<string>,
): (row: string) => LockEntry {
  return (row) => {
    if (!locked.includes(row)) throw new Error(`${name} uses the row ${row}, which it doesn't name`);
    return rowOf(row, registry, used);
  };
}

function gather<Thing extends object>(
  parts: readonly Part[],
  of: (output: ComponentOutput) => readonly Thing[] | undefined,
): Owned<Thing>[] {
  return parts.flatMap(({ component, output }) =>
    (of(output) ?? []).map((thing) => ({ ...thing, component })),
  );
}

function objectsOf({ component, output }: Part): RenderedObject[] {
  return output.objects.map((placed) => ({ ...placed, component }));
}

interface ReadChart {
  chart: RenderedChart;
  objects: RenderedObject[];
}

function readCharts(parts: readonly Part[], { charts, registry }: RenderDeps): ReadChart[] {
  return gather(parts, (output) => output.charts).map((use: Owned<ChartUse>) => {
    const objects = charts.objects(use, rowOf(use.row, registry));
    const { component, from, row } = use;
    return {
      chart: { ...use, state: objects === undefined ? "reference" : "read" },
      objects: (objects ?? []).map((object) => ({ object, from, component, chart: row })),
    };
  });
}

/** Charts that can't be read are handed to the GitOps engine, where there is one: it can have them. */
function delivered(
  charts: readonly ReadChart[],
  delivery: DeliveryFacts | undefined,
  registry: Registry,
): RenderedObject[] {
  if (delivery === undefined) return [];
  return charts
    .filter(({ chart }) => chart.state === "reference")
    .flatMap(({ chart }) =>
      referenceObjects(chart, rowOf(chart.row, registry), delivery).map((object) => ({
        object,
        from: chart.from,
        component: chart.component,
      })),
    );
}

/** With the labels by which a platform's own objects are found again. */
function labelled({ object, component }: RenderedObject, platform: string): KubernetesObject {
  const [kind, tenant] = component.split("/");
  const owner =
    kind === "tenants" && tenant !== undefined
      ? { "slipway.dev/tenant": tenant }
      : { "slipway.dev/component": component };
  const labels = {
    ...object.metadata.labels,
    "app.kubernetes.io/managed-by": "slipway",
    "slipway.dev/platform": platform,
    ...owner,
  };
  return { ...object, metadata: { ...object.metadata, labels } };
}

/** Sorted, each identity once. The very same object from two parts, such as a namespace that both need, is one. */
function inOrder(objects: readonly RenderedObject[], position: PlatformAt["position"]): RenderedObject[] {
  const byKey = new Map<string, RenderedObject>();
  for (const one of objects) {
    const key = identityKey(identityOf(one.object));
    const other = byKey.get(key);
    if (other === undefined) byKey.set(key, one);
    else if (!isSame(other, one)) throw twice(key, [other, one], position);
  }
  return [...byKey.values()].sort((a, b) => compareObjects(a.object, b.object));
}

/** Whether two parts wish for the same; whose label it bears doesn't count. */
function isSame(a: RenderedObject, b: RenderedObject): boolean {
  const plain = ({ object }: RenderedObject) => {
    const { "slipway.dev/component": _, "slipway.dev/tenant": __, ...labels } = object.metadata.labels ?? {};
    return JSON.stringify({ ...object, metadata: { ...object.metadata, labels } });
  };
  return plain(a) === plain(b);
}

function twice(
  key: string,
  [a, b]: readonly [RenderedObject, RenderedObject],
  position: PlatformAt["position"],
): SlipwayError {
  const place = ({ from, component }: RenderedObject) =>
    `${component} (${formatPath(from)}, line ${position(from).line})`;
  return new SlipwayError("PLATFORM_OBJECT_TWICE", `${key} is made twice, and not the same`, {
    given: `${place(a)} and ${place(b)}`,
    allowed: "one of them",
  });
}
