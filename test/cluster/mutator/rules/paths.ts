import type { Found, Rule } from "../edge.ts";
import type { Json } from "../json.ts";

/** Network paths that a policy opens: each peer and port closed once, each peer opened to everyone once. */
export const policies: Rule = ({ path, value, around }, { kind }) => {
  if (kind !== "NetworkPolicy" || !Array.isArray(value)) return [];
  const key = path.at(-1);
  const [direction, index] = [path.at(-3), path.at(-2)];
  if ((direction !== "ingress" && direction !== "egress") || typeof index !== "number") return [];
  if (key !== "from" && key !== "to" && key !== "ports") return [];
  const rulePath = path.slice(0, -1);
  const all = around.at(-1) as Json;
  return value.flatMap((item, at): Found[] => {
    // The last one gone would open the rule to all: then the rule itself goes.
    const closed: Found =
      value.length === 1
        ? { category: "paths", rule: `policy's ${key} closed`, path: rulePath, value: all, broken: undefined }
        : {
            category: "paths",
            rule: `policy's ${key} closed`,
            path: [...path, at],
            value: item,
            broken: undefined,
          };
    if (key === "ports") return [closed];
    const everyone: Json = { namespaceSelector: {}, podSelector: {} };
    return [
      closed,
      {
        category: "paths",
        rule: `policy's ${key} opened`,
        path: [...path, at],
        value: item,
        broken: everyone,
      },
    ];
  });
};

const PROBE = new Set(["httpGet", "endpoints", "podMetricsEndpoints"]);

/** Addresses under which a probe or a scrape asks. */
export const requests: Rule = ({ path, value }) => {
  if (path.at(-1) !== "path" || typeof value !== "string" || !value.startsWith("/")) return [];
  const holder = typeof path.at(-2) === "number" ? path.at(-3) : path.at(-2);
  if (typeof holder !== "string" || !PROBE.has(holder)) return [];
  return [{ category: "paths", rule: "path of a request", path, value, broken: `${value}-gone` }];
};

/** Files under a mount that a container's arguments or environment name. */
export const files: Rule = ({ path, value }, { mounts }) => {
  if (typeof value !== "string") return [];
  const isText =
    path.at(-2) === "args" || path.at(-2) === "command" || (path.at(-1) === "value" && path.at(-3) === "env");
  if (!isText) return [];
  const mount = mounts.find((it) => value.includes(`${it}/`) || value.endsWith(it));
  if (mount === undefined) return [];
  return [
    {
      category: "paths",
      rule: "file under a mount",
      path,
      value,
      broken: value.replace(mount, `${mount}-gone`),
    },
  ];
};
