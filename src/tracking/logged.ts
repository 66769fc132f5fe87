/** What a tracking run was given by one acknowledged call. */
interface LoggedValues {
  metrics: Record<string, number>;
  params: Record<string, string>;
}

type Listener = (runId: string, logged: LoggedValues) => void;

/** Tells listeners in this process what was logged, after it was acknowledged. */
export interface Logged {
  publish(runId: string, logged: LoggedValues): void;
  subscribe(listener: Listener): () => void;
}

export function createLogged(): Logged {
  const listeners = new Set<Listener>();
  return {
    publish(runId, logged) {
      for (const listener of listeners) listener(runId, logged);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
