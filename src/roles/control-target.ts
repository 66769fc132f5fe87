import type { FastifyInstance } from "fastify";
import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import type { EnvironmentRepository } from "../git/environment.ts";
import type { PushMirror } from "../git/push-mirror.ts";
import type { Repositories } from "../git/repositories.ts";
import type { EffectLedger } from "../pipelines/effects.ts";
import type { PipelineEngine } from "../pipelines/engine.ts";
import type { SampleSource } from "../serving/admin/sample-source.ts";
import type { ServingControl } from "../serving/admin/serving-control.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { Database } from "../store/database.ts";
import type { PlatformConfig } from "./config.ts";

/** What the place where the platform's work is done may use. */
export interface TargetDeps {
  config: PlatformConfig;
  clock: Clock;
  ids: Ids;
  db: Database;
  blobs: BlobStore;
  repositories: Repositories;
  environment: EnvironmentRepository;
  /** Has every move of a reference before it happens (moveReference); absent: there is none. */
  mirror: PushMirror | undefined;
  /** Keeps what steps tracked. */
  ledger: EffectLedger;
  /** Aborted when control ends. */
  signal: AbortSignal;
  logDefect: (error: unknown, where?: string) => void;
}

/** Where the platform's work is done: this machine's processes, or a cluster's pods. */
export interface ControlTarget {
  /** As `/api/slipway/v1/info` names it. */
  readonly name: "local" | "kubernetes";
  /** A gateway's weights divide services' requests. */
  readonly isGatewayRouted?: boolean;
  readonly backend: ServingControl;
  /** What serve processes elsewhere have for the prediction log; absent: serve leaves it in this data folder. */
  samples?(): Promise<readonly SampleSource[]>;
  readonly engine: PipelineEngine & { close(): Promise<void> };
  /** Adds what its pods ask of control. */
  routes?(app: FastifyInstance): void;
  /** Begins to act by itself, once control listens; until the signal is aborted. */
  start?(): void;
}

export type OpenTarget = (deps: TargetDeps) => Promise<ControlTarget>;
