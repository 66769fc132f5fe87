import type { Found, Rule } from "../edge.ts";

/** Rights: each verb taken away once and made all once; each resource and group renamed once. */
export const rights: Rule = ({ path, value }, { kind }) => {
  if (kind !== "Role" && kind !== "ClusterRole") return [];
  const list = path.at(-2);
  if (path.at(-4) !== "rules" || typeof value !== "string") return [];
  const made = (rule: string, broken: string | undefined): Found => ({
    category: "verbs",
    rule,
    path,
    value,
    broken,
  });
  if (list === "verbs") {
    const all = value === "*" ? [] : [made("every verb instead of one", "*")];
    return [made("verb taken away", undefined), ...all];
  }
  if (list === "resources") return [made("resource", `${value}gone`)];
  if (list === "apiGroups") return [made("group", `${value === "" ? "core" : value}.gone`)];
  return [];
};
