import { unusedPort, type Found, type Rule } from "../edge.ts";
import { isObject } from "../json.ts";

const FIELDS = new Set(["port", "targetPort", "portName", "number"]);

/** Ports by number or name, where they are used. */
export const ports: Rule = ({ path, value, around }, { kind }) => {
  const key = path.at(-1);
  if (typeof key !== "string" || !FIELDS.has(key) || typeof value === "object") return [];
  if (typeof value === "boolean" || isDefinition(kind, path.at(-3), key)) return [];
  if (key === "number" && path.at(-2) !== "port") return [];
  // A NetworkPolicy's belong to the paths.
  if (kind === "NetworkPolicy") return [];
  // `port: { name }` is a reference of its own.
  if (isObject(around.at(-1)) && path.includes("metadata")) return [];
  const broken = typeof value === "number" ? unusedPort(value) : `${value}-gone`;
  return [{ category: "ports", rule: `field ${key}`, path, value, broken } satisfies Found];
};

/** What others point at; to move it is to break their edges, not one of its own. */
function isDefinition(kind: string, list: unknown, key: string): boolean {
  if (kind === "Service") return list === "ports" && key === "port";
  return list === "listeners";
}
