/** What the rest of the platform needs of the model registry, in process. */
export interface Registry {
  /** Made when missing. */
  ensureModel(name: string): Promise<void>;
  /**
   * A new version, or the one that this run and source have registered already (so that a client's own
   * registration and the platform's agree, and a repeat after a crash makes no second version).
   */
  createVersion(version: {
    model: string;
    source: string;
    runId: string;
    tags: Record<string, string>;
  }): Promise<ModelVersion>;
  getVersion(model: string, version: number): Promise<ModelVersion | undefined>;
  /** Newest first. */
  listVersions(model: string, limit: number): Promise<ModelVersion[]>;
  setVersionTags(model: string, version: number, tags: Record<string, string>): Promise<void>;
  /** Projection of the environment repository; null removes the alias. Does not call `onChampionRequested`. */
  projectAlias(model: string, alias: "champion" | "challenger", version: number | null): Promise<void>;
  /** Set once by the composition root: a client set `champion` by MLflow's API. The answer is passed on to it. */
  onChampionRequested(handler: ChampionHandler): void;
}

/**
 * Asks for a version to become champion. An error reaches the client. "no-service": nothing serves this model,
 * the alias is written as any other. A note replaces the sentence that the client gets in `x-slipway-note`.
 */
export type ChampionHandler = (
  tenant: string,
  model: string,
  version: number,
) => Promise<void | "no-service" | { note: string }>;

export interface ModelVersion {
  model: string;
  version: number;
  /** `mlflow-artifacts:/…`, `runs:/…` or `models:/m-…`, as the client gave it. */
  source: string;
  /** Below the artifact root, resolved from the source: the folder that holds the model. */
  artifactPath: string;
  runId: string;
  createdAt: number;
  aliases: string[];
  tags: Record<string, string>;
}
