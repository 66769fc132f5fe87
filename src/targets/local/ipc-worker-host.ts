import type { LivingWorker, WorkerHost, WorkerHostEvents } from "../../serving/router/worker-host.ts";
import type { FromChild, ToChildLater } from "./supervisor/messages.ts";

export interface IpcWorkerHost extends WorkerHost {
  /** What the supervisor says; messages that aren't about workers are ignored. */
  receive(message: ToChildLater): void;
}

/** Workers as children of the supervisor, asked for over IPC. */
export function createIpcWorkerHost(
  living: readonly LivingWorker[],
  send: (message: FromChild) => void,
): IpcWorkerHost {
  let events: WorkerHostEvents | undefined;
  return {
    living,
    spawn: (worker) => send({ type: "spawn-worker", worker }),
    end: (id, how, why) => send({ type: "end-worker", id, how, ...(why === undefined ? {} : { why }) }),
    listen(listener) {
      events = listener;
    },
    receive(message) {
      if (message.type === "worker-spawned") events?.spawned(message.id, message.pid);
      else if (message.type === "worker-ready") events?.ready(message.id);
      else if (message.type === "workers-exited") events?.exited(message.exits);
    },
  };
}
