/** Environment variable that joins a hook with the request that carries its push. */
export const PUSH_VARIABLE = "SLIPWAY_PUSH";

/** What a hook of Git tells the control process, as JSON over the hooks socket. */
export interface HookRequest {
  /** Absolute path of the bare repository. */
  repository: string;
  /** Joins it with the request that carries the push; absent for a push on the machine itself. */
  push?: string;
  updates: RefUpdate[];
  /** Folder in which Git keeps the pushed objects until the push is accepted. */
  quarantine?: string;
}

/** `previous` or `commit` is zeros where there is none. */
export interface RefUpdate {
  previous: string;
  commit: string;
  ref: string;
}

/** One line of the answer, as JSON: text for the pusher, or the end. */
export type HookAnswer = { say: string } | { exit: number };
