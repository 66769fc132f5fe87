import type { WhyOrigin, WhyRequest } from "./sources.ts";

/** One step on the way from a symptom to its root cause. */
export interface WhyLink {
  kind: "service" | "rollout" | "version" | "run" | "step" | "request" | "tracking-run" | "data" | "pod";
  /**
   * As `slipway why KIND/NAME` takes it; a step's is `<pipeline run>/<step>`, a pod's `<namespace>/<pod>`. Steps, tracking
   * runs, data and pods aren't asked for.
   */
  name: string;
  state: string;
  /** One line for a person: why it is in this state. */
  message: string;
  /** Milliseconds since the epoch: since when. */
  at: number | null;
  /** Of the project's repository, or of the environment repository for a service. */
  commit?: string;
  /** Last lines of what it printed. */
  log?: string[];
}

export interface WhyAnswer {
  /** `KIND/NAME` as it was asked. */
  subject: string;
  /** From the symptom to the root cause. */
  chain: WhyLink[];
  /** One sentence. */
  rootCause: string;
  /** Of `request/ID`: all that the chain was told by. */
  request?: WhyRequest & { origin: WhyOrigin | null; pipelineRunId: string | null };
}
