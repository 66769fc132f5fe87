import type { Rule } from "../edge.ts";
import { isObject } from "../json.ts";

/** Keys of Secrets and ConfigMaps: `{ name, key }` anywhere, and the items of volumes. */
export const keys: Rule = ({ path, value, around }) => {
  if (path.at(-1) !== "key" || typeof value !== "string") return [];
  const parent = around.at(-1);
  const isNamed = isObject(parent) && typeof parent["name"] === "string";
  const isItem = path.at(-3) === "items" && isObject(parent) && "path" in parent;
  if (!isNamed && !isItem) return [];
  return [
    {
      category: "keys",
      rule: isItem ? "item of a volume" : "key of a reference",
      path,
      value,
      broken: `${value}-gone`,
    },
  ];
};
