import { SlipwayError } from "../../http/errors.ts";
import type { ModelFormat } from "../../serving/backend.ts";

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
  /** Folder of models and environments; may be a volume that outlives the pod. */
  cacheDir: string;
  /** undefined: no limit of its own; the container's holds. */
  memoryBytes: number | undefined;
  threads: number;
  /** What becomes of the pod at its end is written here, for whoever asks the cluster. */
  terminationLog: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const FORMATS: readonly string[] = ["onnx", "python"] satisfies ModelFormat[];

/** Throws SETTING_MISSING or SETTING_INVALID, naming the variable. */
export function workerSettings(env: Environment): WorkerSettings {
  const format = needed(env, "SLIPWAY_MODEL_FORMAT", (text) => FORMATS.includes(text), FORMATS.join(" or "));
  const memory = env["SLIPWAY_MEMORY_BYTES"];
  return {
    service: needed(env, "SLIPWAY_SERVICE", () => true, "a name"),
    version: whole(env, "SLIPWAY_VERSION", 1),
    tenant: needed(env, "SLIPWAY_TENANT", () => true, "a name"),
    format: format as ModelFormat,
    digest: needed(env, "SLIPWAY_MODEL_DIGEST", isDigest, "64 hexadecimal digits"),
    url: new URL(needed(env, "SLIPWAY_URL", isHttp, "an address that begins with http:// or https://")),
    token: needed(env, "SLIPWAY_WORKER_TOKEN", () => true, "a token"),
    host: env["SLIPWAY_HOST"] || "::",
    framesPort: whole(env, "SLIPWAY_FRAMES_PORT", 0, "4620"),
    httpPort: whole(env, "SLIPWAY_HTTP_PORT", 0, "4621"),
    cacheDir: env["SLIPWAY_CACHE"] || "/var/cache/slipway",
    memoryBytes: memory ? whole(env, "SLIPWAY_MEMORY_BYTES", 1) : undefined,
    threads: whole(env, "SLIPWAY_THREADS", 1, "1"),
    terminationLog: env["SLIPWAY_TERMINATION_LOG"] || "/dev/termination-log",
  };
}

function needed(
  env: Environment,
  name: string,
  isRight: (text: string) => boolean,
  allowed: string,
  byDefault?: string,
): string {
  const text = env[name] || byDefault;
  if (!text) throw new SlipwayError("SETTING_MISSING", `${name} isn't set`, { where: name, allowed });
  if (!isRight(text))
    throw new SlipwayError("SETTING_INVALID", `${name} can't be that`, { where: name, given: text, allowed });
  return text;
}

function whole(env: Environment, name: string, least: number, byDefault?: string): number {
  const isRight = (text: string): boolean => /^\d{1,15}$/.test(text) && Number(text) >= least;
  return Number(needed(env, name, isRight, `a whole number from ${least}`, byDefault));
}

function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
