import type { ModelFormat } from "../../serving/backend.ts";
import { HTTP_ADDRESS, port, setting, whole, type Environment } from "./settings.ts";
import { routing } from "./routing-settings.ts";

/** What a pod that serves one model is told, by `SLIPWAY_*` variables. */
export interface WorkerSettings {
  service: string;
  version: number;
  tenant: string;
  format: ModelFormat;
  /** Of the model's archive. */
  digest: string;
  /** Where the platform answers, which has the archive. */
  url: URL;
  /** Shown to fetch the model, and asked of whoever sends frames. */
  token: string;
  host: string;
  framesPort: number;
  httpPort: number;
  /**
   * A gateway sends callers' requests to the pod: who calls is asked here, requests are counted here, and control says at
   * that port who may call and what a request counts for. undefined: requests come by our router alone.
   */
  door?: { adminPort: number };
  /** Folder of models and environments; may be a volume that outlives the pod. */
  cacheDir: string;
  /** undefined: no limit of its own; the container's holds. */
  memoryBytes: number | undefined;
  threads: number;
  /** What becomes of the pod at its end is written here, for whoever asks the cluster. */
  terminationLog: string;
}

const FORMATS: readonly string[] = ["onnx", "python"] satisfies ModelFormat[];

/** Throws SETTING_MISSING or SETTING_INVALID, naming the variable. */
export function workerSettings(env: Environment): WorkerSettings {
  const format = setting(env, "SLIPWAY_MODEL_FORMAT", {
    allowed: FORMATS.join(" or "),
    isRight: (text) => FORMATS.includes(text),
  });
  const memory = env["SLIPWAY_MEMORY_BYTES"];
  return {
    service: setting(env, "SLIPWAY_SERVICE", { allowed: "a name" }),
    version: whole(env, "SLIPWAY_VERSION", 1),
    tenant: setting(env, "SLIPWAY_TENANT", { allowed: "a name" }),
    format: format as ModelFormat,
    digest: setting(env, "SLIPWAY_MODEL_DIGEST", {
      allowed: "64 hexadecimal digits",
      isRight: (text) => /^[0-9a-f]{64}$/.test(text),
    }),
    url: new URL(setting(env, "SLIPWAY_URL", HTTP_ADDRESS)),
    token: setting(env, "SLIPWAY_WORKER_TOKEN", { allowed: "a token", isSecret: true }),
    host: env["SLIPWAY_HOST"] || "::",
    framesPort: port(env, "SLIPWAY_FRAMES_PORT", 4620),
    httpPort: port(env, "SLIPWAY_HTTP_PORT", 4621),
    ...(routing(env) === "gateway" && { door: { adminPort: port(env, "SLIPWAY_ADMIN_PORT", 4605) } }),
    cacheDir: env["SLIPWAY_CACHE"] || "/var/cache/slipway",
    memoryBytes: memory ? whole(env, "SLIPWAY_MEMORY_BYTES", 1) : undefined,
    threads: whole(env, "SLIPWAY_THREADS", 1, 1),
    terminationLog: env["SLIPWAY_TERMINATION_LOG"] || "/dev/termination-log",
  };
}
