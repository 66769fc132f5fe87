import type { Rule } from "../edge.ts";
import { isObject } from "../json.ts";

/** Selectors of pods, namespaces and the rest: each label's value once, each expression's key once. */
export const selectors: Rule = ({ path, value, around }) => {
  if (typeof value !== "string" || path[0] === "metadata") return [];
  const holder = path.at(-2);
  const parent = around.at(-1);
  const isFlat =
    holder === "selector" && isObject(parent) && Object.values(parent).every((it) => typeof it === "string");
  if (holder === "matchLabels" || isFlat)
    return [{ category: "labels", rule: "selector", path, value, broken: `${value}-gone` }];
  if (path.at(-1) === "key" && path.at(-3) === "matchExpressions")
    return [{ category: "labels", rule: "expression of a selector", path, value, broken: `${value}-gone` }];
  return [];
};

const TEMPLATE_LABEL = /\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)/g;

/** Labels in the texts of alerts. */
export const templates: Rule = ({ path, value }) => {
  if (typeof value !== "string") return [];
  return [...value.matchAll(TEMPLATE_LABEL)].map((match) => {
    const end = match.index + match[0].length;
    const broken = `${value.slice(0, end)}_gone${value.slice(end)}`;
    return { category: "labels", rule: "label in an alert's text", path, value, broken };
  });
};
