import type { Excuse } from "./judge.ts";

/** What the proof needn't or can't find, each with its reason. */
export const EXCUSES: readonly Excuse[] = [
  {
    reason: "what a server answers under a path is known once it runs, and `slipway platform verify` asks it",
    covers: ({ rule }) => rule === "path of a request",
  },
];
