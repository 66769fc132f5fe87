import { isCollection, isMap as isYamlMap, isScalar, isSeq, parseDocument, stringify } from "yaml";
import type { Document, YAMLMap } from "yaml";
import { differences } from "./differences.ts";
import type { Difference, PartPath } from "./differences.ts";
import { isMap, itemsByName } from "./named-lists.ts";
import { applyOverlay } from "./overlay.ts";

/** What a promotion carries when nothing else is said: what runs, not how large or for whom. */
const CARRIED: readonly (readonly string[])[] = [
  ["images"],
  ["tenants", "*", "services", "*", "image"],
  ["tenants", "*", "services", "*", "model"],
];

export interface Promotion {
  carried: Difference[];
  /** What differs between the two and stays so. */
  kept: Difference[];
  /** The file with the overlay of `to` changed. */
  text: string;
}

/**
 * Carries what differs from one environment into the overlay of another, and nothing else of it. A part that is then as
 * the file itself says leaves the overlay. `parts` are `*`-patterns; none: images and what tenants' services serve.
 */
export function promote(
  text: string,
  from: string,
  to: string,
  parts: readonly PartPath[] = CARRIED,
): Promotion {
  const document = parseDocument(text, { schema: "core" });
  const data: unknown = document.toJS();
  const { environments, ...base } = isMap(data) ? data : {};
  const version = (name: string): unknown =>
    applyOverlay(base, isMap(environments) ? environments[name] : {}, []).data;
  const all = differences(version(from), version(to));
  const carried = all.filter(({ path }) => parts.some((part) => isWithin(path, part)));
  const kept = all.filter((one) => !carried.includes(one));
  // One after the other, each on the text that the last one left: what a person wrote stays as it was written.
  const changed = carried.reduce((now, { path, from: value }) => {
    const isBase = same(partOf(base, path), value);
    return setPart(now, ["environments", to], path, isBase ? undefined : (value ?? null));
  }, text);
  return { carried, kept, text: changed };
}

function isWithin(path: PartPath, part: PartPath): boolean {
  return part.every((step, index) => step === "*" || path[index] === step) && path.length >= part.length;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function partOf(data: unknown, path: PartPath): unknown {
  return path.reduce<unknown>((value, step) => {
    if (isMap(value)) return Object.hasOwn(value, step) ? value[step] : undefined;
    return itemsByName(value)?.get(step);
  }, data);
}

/** The file's text with a part set, or taken away by undefined. A scalar for a scalar changes no other character. */
function setPart(text: string, above: PartPath, path: PartPath, value: unknown): string {
  const document = parseDocument(text, { schema: "core" });
  const node = find(document, [...above, ...path]);
  if (isScalar(node) && node.range && (typeof value === "string" || typeof value === "number"))
    return text.slice(0, node.range[0]) + stringify(value).trimEnd() + text.slice(node.range[1]);
  if (value === undefined) remove(document, [...above, ...path], above.length);
  else put(document, [...above, ...path], value);
  return document.toString({ lineWidth: 0 });
}

function find(document: Document, path: PartPath): unknown {
  let node: unknown = document.contents;
  for (const step of path) node = child(node, step);
  return node;
}

function child(node: unknown, step: string): unknown {
  if (isYamlMap(node)) return node.get(step, true);
  if (isSeq(node)) return node.items.find((item) => isYamlMap(item) && item.get("name") === step);
  return undefined;
}

/** Makes the maps and the named items on the way. */
function put(document: Document, path: PartPath, value: unknown): void {
  let node: unknown = document.contents;
  let isFlow = false;
  for (const [index, step] of path.entries()) {
    // `production: {}` is only how nothing is written.
    if (isCollection(node)) isFlow = node.flow = node.items.length === 0 ? isFlow : node.flow === true;
    const isLast = index === path.length - 1;
    if (isSeq(node)) {
      let item = child(node, step);
      if (item === undefined) {
        item = document.createNode(isLast ? value : { name: step });
        node.add(item);
      }
      node = item;
    } else if (isYamlMap(node)) {
      if (isLast) node.set(step, document.createNode(value));
      else if (child(node, step) === undefined)
        node.set(step, document.createNode(isList(path, index) ? [] : {}));
      node = child(node, step);
    }
  }
}

/** The keys whose lists are merged by name: what stands behind them is an item's name. */
function isList(path: PartPath, index: number): boolean {
  return path[index] === "tenants" || path[index] === "services";
}

/** Takes a part away, and with it whatever is left empty, or with a name alone, down to `depth`. */
function remove(document: Document, path: PartPath, depth: number): void {
  for (let length = path.length; length > depth; length--) {
    const parent = find(document, path.slice(0, length - 1));
    const step = path[length - 1] as string;
    if (isYamlMap(parent)) parent.delete(step);
    else if (isSeq(parent)) parent.items = parent.items.filter((item) => item !== child(parent, step));
    if (!isEmpty(parent)) return;
  }
}

function isEmpty(node: unknown): boolean {
  if (isSeq(node)) return node.items.length === 0;
  return isYamlMap(node) && (node.items.length === 0 || hasNameOnly(node));
}

function hasNameOnly(map: YAMLMap): boolean {
  return map.items.length === 1 && map.has("name");
}
