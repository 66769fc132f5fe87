import type { Rule } from "../edge.ts";

/** The version of the API that an object, or a reference, is written in. */
export const apiVersions: Rule = ({ path, value }) => {
  if (path.at(-1) !== "apiVersion" || typeof value !== "string" || path[0] === "metadata") return [];
  const slash = value.lastIndexOf("/");
  const [group, version] = [value.slice(0, slash + 1), value.slice(slash + 1)];
  // Versions that once were, as in old blueprints.
  const broken = `${group}${version === "v1alpha1" ? "v1alpha0" : "v1alpha1"}`;
  return [
    {
      category: "versions",
      rule: path.length === 1 ? "object's version" : "reference's version",
      path,
      value,
      broken,
    },
  ];
};

/** An image of another version or digest than the locked one. */
export const images: Rule = ({ path, value }) => {
  if (path.at(-1) !== "image" && path.at(-1) !== "imageName") return [];
  if (typeof value !== "string" || !/^[\w./:@-]+$/.test(value)) return [];
  const broken = value.includes("@")
    ? value.replace(/.(?=$)/, (last) => (last === "0" ? "1" : "0"))
    : `${value.replace(/:[^:/]+$/, "")}:0.0.0-gone`;
  return [{ category: "versions", rule: "image", path, value, broken }];
};

/** A chart's or a repository's revision. */
export const revisions: Rule = ({ path, value, around }) => {
  if (path.at(-1) !== "targetRevision" && !(path.at(-1) === "version" && path.includes("chart"))) return [];
  if (typeof value !== "string" || around.length === 0) return [];
  return [{ category: "versions", rule: "revision", path, value, broken: `${value}-gone` }];
};
