import type { Edge } from "./edge.ts";
import { isObject, type Json } from "./json.ts";
import type { Excuse } from "./judge.ts";

/** Components whose definitions can't be had here: the plan says `unverified` of what they should make. */
const UNREAD = new Set(["argoWorkflows"]);

/** What the proof needn't or can't find, each with its reason. The first that covers an edge is told. */
export const EXCUSES: readonly Excuse[] = [
  {
    reason: "says itself that it may be missing (`optional`): the pod starts without it",
    covers: (edge, { object }) => isOptional(edge, object as unknown as Json),
  },
  {
    reason: "what a server answers under a path is known once it runs, and `slipway platform verify` asks it",
    covers: ({ rule }) => rule === "path of a request",
  },
  {
    reason:
      "what a tenant's people may do is wished, and nothing runs by it: test/targets/kubernetes/tenants/rights.test.ts holds it",
    covers: ({ category }, { object: { kind, metadata } }) =>
      category === "verbs" && kind === "Role" && metadata.name.startsWith("tenant-"),
  },
  {
    reason: "rights of others' programs: what these ask of the API server stands in their code alone",
    covers: ({ category }, { chart }) => category === "verbs" && chart !== undefined,
  },
  {
    reason: "who talks to whom inside of another project's namespace is that project's own policy",
    covers: ({ rule }, { chart, object }) =>
      chart !== undefined &&
      object.kind === "NetworkPolicy" &&
      (rule.startsWith("policy's") || rule === "selector"),
  },
  {
    reason: "an image inside of a chart goes with the chart, which the lock pins with all that it makes",
    covers: ({ rule }, { chart }) => chart !== undefined && rule === "image",
  },
  {
    reason: "charts list the ports of their Services alone, and probe others",
    covers: ({ rule }, { chart }) => chart !== undefined && rule === "field port",
  },
  {
    reason: "a preference among nodes, or an exclusion: it holds when it matches nothing",
    covers: ({ path, rule }, { chart }) =>
      chart !== undefined && (path.includes("affinity") || rule === "expression of a selector"),
  },
  {
    reason: "a path in a variable or an argument means something to the program alone that reads it",
    covers: ({ rule }) => rule === "file under a mount",
  },
  {
    reason: "which branches a repository has is known when it is asked",
    covers: ({ rule }) => rule === "revision",
  },
  {
    reason: "made by definitions that can't be had here: the plan says that it is unverified",
    covers: (_edge, { component }) => UNREAD.has(component),
  },
];

/** Whether the reference, or the volume that it is a part of, is marked as optional. */
function isOptional({ path }: Edge, object: Json): boolean {
  let here: Json | undefined = object;
  for (const step of path) {
    if (isObject(here) && here["optional"] === true) return true;
    // A document inside of a text has no such mark.
    if (typeof step === "symbol") return false;
    if (Array.isArray(here)) here = here[step as number];
    else here = isObject(here) ? here[step] : undefined;
  }
  return false;
}
