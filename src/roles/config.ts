import type { WebhookSettings } from "../registry/webhooks/settings.ts";
import type { SignInOptions } from "../cli/sign-in-options.ts";
import type { LivingWorker } from "../serving/router/worker-host.ts";
import type { Upstream } from "../serving/front/upstream.ts";
import type { TracingSettings } from "../serving/tracing/settings.ts";
import type { WorkerConfig } from "../serving/worker/config.ts";
import type { ArtifactSettings, ControlSecrets } from "./artifact-settings.ts";
import type { GitMirrorSettings } from "./git-mirror-settings.ts";
import type { FromChild, ToChildLater } from "../targets/local/supervisor/messages.ts";

/** What every process of a platform on this machine is told at its start, by its parent, over IPC. */
export interface PlatformConfig {
  /** Absolute. Holds everything that must outlive a restart. */
  dataDir: string;
  /** Absolute, mode 0700, short enough for a socket's path. Holds sockets only. */
  runDir: string;
  /** The public address. */
  host: string;
  port: number;
  /** Of gRPC, on the same host. */
  grpcPort: number;
  /** Host names beyond loopback and `host` that the Host header may carry, such as an ingress's. */
  allowedHosts: string[];
  /** SHA-256 (hex) of the token that callers must send; null on loopback. */
  tokenSha256: string | null;
  /** `--audit-days`: for how long the audit log is kept. */
  auditDays: number;
  /** How people sign in; the provider's secret goes to control alone. */
  signIn: SignInOptions;
  /** This program's version. */
  version: string;
  /** Absolute path of the bundled main.js; `node main.js __role <name>` starts a process of ours. */
  mainFile: string;
  /** Absolute path of the bundled writer-thread.js. */
  writerFile: string;
  /** What steps may see of the environment of `slipway up`: PATH, HOME, LANG, TMPDIR, proxy and package-index settings. */
  stepEnv: Record<string, string>;
  /** SQLite file, when the database isn't PostgreSQL; default `<dataDir>/slipway.db`. */
  storeFile: string;
  /** `--artifact-root`: where new experiments put artifacts. */
  artifactRoot: string;
  /** Absolute: where `slipway up` was given; below it lies what clients name by a relative path. */
  workingDir: string;
  /** `--artifacts`: folder behind the proxied artifact API; default `<dataDir>/artifacts`. */
  artifactsDir: string;
  /** How artifacts are kept and moved. */
  artifacts: ArtifactSettings;
  /** `--git-mirror`; absent: there is no mirror. */
  gitMirror?: GitMirrorSettings;
  /** `--max-file`: of one file in a push, in bytes. */
  maxFileBytes: number;
  /**
   * New with every start and kept in memory only: of it the tokens are made that the platform gives to its own steps, so
   * that they can reach it where callers need a token. It is no token itself, and no step sees it.
   */
  internalToken: string;
  /** How the registry's webhooks are sent, and the key of their secrets. */
  webhooks: WebhookSettings;
  /** In a cluster: the address at which steps reach the platform; default: the public one. */
  stepUrl?: string;
  /** In a cluster: where predictions are answered; default: serve's socket. */
  predictions?: Upstream;
  /** In a cluster: absolute, the file that says which tenants there are. */
  platformFile?: string;
  /** A regular expression that every source of a model version must match. */
  sourcePattern?: string;
}

/** Names of the sockets in `runDir`. */
export const SOCKETS = {
  /** Everything but predictions, as bytes from the public address. */
  control: "control.sock",
  /** What Git's hooks tell the control process; never reachable from outside. */
  hooks: "hooks.sock",
  /** The serve process's own interface for control: rules, variants, outcomes. */
  serve: "serve.sock",
  /** Predictions over HTTP, for control: connections that began with something else reach it. */
  predict: "predict.sock",
} as const;

/** What the serve process alone is told: the headers of a collector may hold its key. */
export interface ServeSecrets {
  /** undefined: no traces are made. */
  tracing?: TracingSettings;
}

/** What the supervisor says to its children; `worker` goes to workers only, `living` and `serveSecrets` to serve only, `secrets` to control only. */
export type ToChild =
  | {
      type: "start";
      config: PlatformConfig;
      worker?: WorkerConfig;
      living?: LivingWorker[];
      secrets?: ControlSecrets;
      serveSecrets?: ServeSecrets;
    }
  | ToChildLater;
export type { FromChild };
