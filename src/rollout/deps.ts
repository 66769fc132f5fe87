import type { Clock } from "../base/clock.ts";
import type { Events } from "../base/events.ts";
import type { Ids } from "../base/ids.ts";
import type { EnvironmentRepository } from "../git/environment.ts";
import type { Registry } from "../registry/registry.ts";
import type { ServingBackend } from "../serving/backend.ts";
import type { Contract, ModelStore } from "../serving/model-store.ts";
import type { RolloutPolicy, ServingSpec } from "../spec/project.ts";
import type { Database } from "../store/database.ts";

/** The example that a model brings, and whether an answer is the recorded one. */
interface ContractCheck {
  /** Of `contract.json` in the model's folder; MODEL_* errors say what is wrong with it. */
  read(modelDir: string): Promise<Contract>;
  /** Null when the answer is the recorded one within tolerance; otherwise what differs, for a person. */
  compare(contract: Contract, status: number, body: string): string | null;
}

export interface RolloutDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  events: Events;
  backend: ServingBackend;
  environment: EnvironmentRepository;
  registry: Registry;
  models: ModelStore;
  contract: ContractCheck;
  /** For services that no project has described yet: a person's push or an alias set by a client. */
  defaults: { policy: RolloutPolicy; serving: ServingSpec };
  /** What goes wrong and is tried again; the process's log. */
  log(line: string, error: unknown): void;
  /** Pause between looks at a running rollout, in milliseconds. */
  tickMs?: number;
}
