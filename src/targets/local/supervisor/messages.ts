import type { ErrorBody } from "../../../http/errors.ts";
import type { LivingWorker, WorkerExit } from "../../../serving/router/worker-host.ts";
import type { WorkerConfig } from "../../../serving/worker/config.ts";

/** First message to every child. What the platform's config holds is no business of the supervisor. */
export interface StartMessage {
  type: "start";
  config: unknown;
  worker?: WorkerConfig;
  living?: LivingWorker[];
  secrets?: unknown;
}

/** What a child hears after its start; all but `stop` for serve. Worker processes hear ToWorker. */
export type ToChildLater =
  /** To serve, with a socket, before its start message. */
  | { type: "grpc-address" }
  | { type: "stop" }
  | { type: "worker-spawned"; id: string; pid: number }
  | { type: "worker-ready"; id: string }
  /** Of one process, so that whoever hears it knows who shared it. */
  | { type: "workers-exited"; exits: WorkerExit[] };

/** What a child says. The last two come from serve only. */
export type FromChild =
  | { type: "ready" }
  | { type: "failed"; error: ErrorBody }
  | { type: "spawn-worker"; worker: WorkerConfig }
  | { type: "end-worker"; id: string; how: "drain" | "kill"; why?: string };
