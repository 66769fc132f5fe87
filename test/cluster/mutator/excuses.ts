import type { Excuse } from "./judge.ts";

/** What the proof needn't or can't find, each with its reason. */
export const EXCUSES: readonly Excuse[] = [
  {
    reason: "what a server answers under a path is known once it runs, and `slipway platform verify` asks it",
    covers: ({ rule }) => rule === "path of a request",
  },
  {
    reason:
      "what a tenant's people may do is wished, and nothing runs by it: test/targets/kubernetes/tenants/rights.test.ts holds it",
    covers: ({ category }, { kind, metadata }) =>
      category === "verbs" && kind === "Role" && metadata.name.startsWith("tenant-"),
  },
];
