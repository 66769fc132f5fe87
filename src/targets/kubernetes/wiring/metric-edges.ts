import { metricsOf } from "../promql/metrics-of.ts";
import { edge } from "./edge.ts";
import type { Edge, Source } from "./edge.ts";
import { Field } from "./field.ts";
import { rulesOf } from "./metric-index.ts";
import type { RenderedObject } from "../render/rendered.ts";
import type { World } from "./world.ts";

/** Everything that reads a metric: rules, boards, autoscalers, and whatever has its expression from a component. */
export function* metricEdges(source: Source): Iterable<Edge> {
  for (const rule of rulesOf(source.object.object)) {
    yield* ofExpression(source, rule.at("expr"));
    yield* ofTexts(source, rule);
  }
  yield* ofAutoscaler(source);
  for (const { key, file, targets } of boardsOf(source)) {
    if (targets === undefined)
      yield edge(source, "expression", file, {
        is: "oneOf",
        what: "JSON of a board in",
        name: key,
        among: [],
      });
    for (const target of targets ?? []) yield* ofExpression(source, file, target.at("expr").text);
  }
}

/** Where the panels of boards ask. */
export function* dataSourceEdges(source: Source, world: World): Iterable<Edge> {
  const uids = world.dataSources;
  if (uids.length === 0) return;
  for (const { file, targets = [] } of boardsOf(source))
    for (const target of targets) {
      const uid = target.at("datasource", "uid").text;
      // A variable of the board is chosen by who looks.
      if (uid !== undefined && !uid.startsWith("$") && !uid.startsWith("-- "))
        yield edge(source, "data-source", file, { is: "oneOf", what: "data source", name: uid, among: uids });
    }
}

function* ofExpression(source: Source, at: Field, text = at.text): Iterable<Edge> {
  if (text === undefined) return;
  const read = metricsOf(text);
  if (!read.ok) {
    yield edge(source, "expression", at, {
      is: "oneOf",
      what: "PromQL expression near",
      name: read.near,
      among: [],
    });
    return;
  }
  for (const { name, labels } of read.metrics) {
    // A selector by a pattern means what there is.
    if (name === "") continue;
    yield edge(source, "metric", at, { is: "metric", name, label: undefined });
    for (const label of labels) yield edge(source, "metric", at, { is: "metric", name, label });
  }
  for (const { labels, metrics } of read.groupings)
    for (const label of labels) yield edge(source, "metric", at, { is: "grouping", label, metrics });
}

const TEMPLATE_LABEL = /\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)/gu;

/** Labels that the words of an alert name: one that its expression hasn't is an empty place in a message at night. */
function* ofTexts(source: Source, rule: Field): Iterable<Edge> {
  const read = metricsOf(rule.at("expr").text ?? "");
  if (!read.ok || read.makesLabels) return;
  const metrics = read.metrics.map(({ name }) => name);
  const own = new Set(["alertname", ...rule.at("labels").entries.map(([label]) => label)]);
  for (const [, text] of [...rule.at("annotations").entries, ...rule.at("labels").entries])
    for (const [, label = ""] of (text.text ?? "").matchAll(TEMPLATE_LABEL))
      if (!own.has(label)) yield edge(source, "metric", text, { is: "grouping", label, metrics });
}

function* ofAutoscaler(source: Source): Iterable<Edge> {
  const spec = source.root.at("spec");
  if (source.kind === "HorizontalPodAutoscaler")
    for (const metric of spec.at("metrics").items)
      for (const kind of ["pods", "object", "external"]) {
        const name = metric.at(kind, "metric", "name");
        if (name.text !== undefined)
          yield edge(source, "metric", name, { is: "metric", name: name.text, label: undefined });
      }
  if (source.kind === "ScaledObject")
    for (const trigger of spec.at("triggers").items)
      if (trigger.at("type").text === "prometheus")
        yield* ofExpression(source, trigger.at("metadata", "query"));
}

interface Board {
  key: string;
  file: Field;
  /** undefined: it isn't JSON. */
  targets: readonly Field[] | undefined;
}

/** Read once for each object: boards are large. */
const boards = new WeakMap<RenderedObject, readonly Board[]>();

/** Boards are files of ConfigMaps: whatever JSON has panels is one. */
function boardsOf({ object, root, kind }: Source): readonly Board[] {
  if (kind !== "ConfigMap") return [];
  let found = boards.get(object);
  if (found === undefined) {
    found = root.at("data").entries.flatMap(([key, file]) => {
      if (!key.endsWith(".json") || file.text?.includes('"panels"') !== true) return [];
      const board = parsed(file.text);
      return [{ key, file, targets: board === undefined ? undefined : [...targetsOf(new Field(board))] }];
    });
    boards.set(object, found);
  }
  return found;
}

function* targetsOf(panel: Field): Iterable<Field> {
  yield* panel.at("targets").items;
  for (const inner of [...panel.at("panels").items, ...panel.at("templating", "list").items])
    yield* targetsOf(inner);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
