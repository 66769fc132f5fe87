import type { Path } from "../../../spec/issue.ts";

/** Something about a platform that wouldn't work, or that can't be known before it runs. */
export interface Finding {
  /** Stable: the code of the edge, or of the proof that failed. */
  code: string;
  /** Names both ends. */
  message: string;
  /** Where in platform.yaml the wish stands. */
  from: Path;
  severity: "error" | "unverified";
  /** The object that names what is missing, and where in it. */
  object?: string;
  at?: Path;
}
