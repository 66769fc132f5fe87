/** Something that happened and that people want to see: stored, followed live, and walked by `slipway why`. */
export interface SlipwayEvent {
  /** Grows by time; a cursor. */
  id: number;
  /** Milliseconds since the epoch. */
  at: number;
  level: "info" | "warn" | "error";
  /**
   * What it is about, most specific first: `step/<run>/<name>`, `pipeline-run/<id>`, `version/<model>/<n>`,
   * `rollout/<id>`, `service/<model>`, `project/<name>`.
   */
  subjects: readonly string[];
  /** A stable word such as `step.finished`, `version.registered`, `rollout.promoted`. */
  kind: string;
  /** One line for a person. */
  message: string;
  data?: Record<string, unknown>;
}

export interface Events {
  /** Stores and publishes. Resolves when durable; callers that needn't wait may ignore the promise. */
  emit(event: Omit<SlipwayEvent, "id" | "at">): Promise<void>;
  /** What is stored about a subject after the cursor, oldest first. */
  list(subject: string, options?: { after?: number; limit?: number }): Promise<SlipwayEvent[]>;
  /** Stored ones after the cursor, then live ones, without a gap, until the signal is aborted. */
  follow(subject: string, options: { after?: number; signal: AbortSignal }): AsyncIterable<SlipwayEvent>;
}
