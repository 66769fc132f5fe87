import type { PipelineRunSpec } from "../engine.ts";
import type { StepReport } from "./report.ts";

/** All that a step in a pod must know, from the platform to it. */
export interface StepAssignment {
  /** Its name. */
  step: string;
  /** Without the repository, which only the platform has. */
  spec: Omit<PipelineRunSpec, "repository">;
  /** Object id of the commit's tree, and of the content by path. */
  tree: string;
  files: Record<string, string>;
  /** Steps that it needs, directly or not, each after those that it needs itself. */
  needs: NeededStep[];
  /** Which attempt of the step this is, beginning with 1; tries that were cut short don't count. */
  attempt: number;
  /** A failure of this attempt is the step's. */
  isLast: boolean;
  /** A try before was cut short while its command ran: what it left isn't known exactly. */
  wasInterrupted: boolean;
}

/** What a step left for those that need it. */
export interface NeededStep extends Pick<StepReport, "archive" | "outputs" | "effects" | "opaque"> {
  name: string;
}
