/** What one service should run: a file `services/<model>.yaml` in the environment repository. */
export interface ServiceState {
  name: string;
  champion: number;
  challenger?: number;
  /** Per cent of new units to the challenger, 0 to 100; 0 without one. */
  weight: number;
  /** Per cent of requests of which the challenger gets a copy; its weight is 0 then. */
  shadow?: number;
}

export interface EnvironmentCommit {
  commit: string;
  parent: string | null;
  /** Number of commits up to this one. */
  order: number;
  author: string;
  at: number;
  message: string;
  /** `Slipway-Intent`, `Slipway-Rollout`, … */
  trailers: Record<string, string>;
}

/** The one Git repository that says what runs. */
export interface EnvironmentRepository {
  head(): Promise<EnvironmentCommit | null>;
  /** All services at a commit. */
  read(commit: string): Promise<Map<string, ServiceState>>;
  /**
   * Writes one service's file (null removes it) on top of `parent` and moves the branch if it is still there.
   * Durable when it resolves. `{ conflict }` names the head that was found instead; nothing was changed then.
   */
  commit(change: {
    parent: string | null;
    service: string;
    state: ServiceState | null;
    subject: string;
    body: string;
    trailers: Record<string, string>;
  }): Promise<{ commit: EnvironmentCommit } | { conflict: string | null }>;
  /** Oldest first, commits reachable from `until` and not from `since` (null: from the beginning). */
  history(range: { since: string | null; until: string; limit: number }): Promise<EnvironmentCommit[]>;
  isAncestor(ancestor: string, descendant: string): Promise<boolean>;
  /** Called after a person's push was accepted. */
  onPush(listener: () => void): void;
}
