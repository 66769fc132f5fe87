/** What the rest of the platform needs of tracking, in process; clients use MLflow's REST API over the same tables. */
export interface Tracking {
  /** The experiment of that name, made when missing (restored when deleted). */
  ensureExperiment(name: string): Promise<{ experimentId: string }>;
  createRun(run: {
    experimentId: string;
    runName: string;
    tags: Record<string, string>;
    /** 32 hexadecimal characters of the caller's choice; a repeat with the same one answers the same tracking run. */
    runId?: string;
  }): Promise<{ runId: string; artifactUri: string }>;
  getRun(runId: string): Promise<TrackingRun | undefined>;
  setTags(runId: string, tags: Record<string, string>): Promise<void>;
  logMetrics(runId: string, metrics: Record<string, number>): Promise<void>;
  /** As MLflow: a param that is there with another value is an error. */
  logParams(runId: string, params: Record<string, string>): Promise<void>;
  finishRun(runId: string, status: "FINISHED" | "FAILED" | "KILLED"): Promise<void>;
  /** Called after a metric or param of a run was acknowledged; for progress. Returns the unsubscribe. */
  onLogged(
    listener: (
      runId: string,
      logged: { metrics: Record<string, number>; params: Record<string, string> },
    ) => void,
  ): () => void;
}

export interface TrackingRun {
  runId: string;
  experimentId: string;
  status: "RUNNING" | "SCHEDULED" | "FINISHED" | "FAILED" | "KILLED";
  artifactUri: string;
  /** Latest value by key. */
  metrics: Record<string, number>;
  params: Record<string, string>;
  tags: Record<string, string>;
  /** Models that the run made (MLflow 3's logged models), newest last. */
  loggedModels: { modelId: string; name: string; artifactUri: string }[];
}
