import { join } from "node:path";
import type { RolloutDeps } from "../rollout/deps.ts";
import { createRollouts, type Rollouts } from "../rollout/rollouts.ts";
import { createModelCompiler } from "../serving/compile/compiler.ts";
import { proveInProcess } from "../serving/compile/prove-process.ts";
import { compareAnswer, readContract } from "../serving/contract.ts";
import { TEMPORARY, createModelStore } from "../serving/folder-model-store.ts";
import type { BlobStore } from "../store/blobs.ts";
import { createModelEnvironments } from "../targets/local/model-environments/model-environments.ts";
import type { PlatformConfig } from "./config.ts";
import { policyDefaults } from "./policy-defaults.ts";

type Given = "clock" | "ids" | "db" | "events" | "backend" | "environment" | "registry";

interface OpenRolloutsDeps extends Pick<RolloutDeps, Given> {
  blobs: BlobStore;
  /** Aborted when control ends. */
  signal: AbortSignal;
  logDefect: (error: unknown, where?: string) => void;
}

/** Rollouts over models as they lie in this process's own folder, compiled where that is asked for. */
export async function openRollouts(
  { dataDir, stepEnv, mainFile }: PlatformConfig,
  { blobs, signal, logDefect, ...given }: OpenRolloutsDeps,
): Promise<Rollouts> {
  const modelsRoot = join(dataDir, "models");
  const environments = await createModelEnvironments({
    dataDir,
    clock: given.clock,
    env: stepEnv,
    platform: process.platform,
    pid: process.pid,
    signal,
  });
  const compiler = createModelCompiler({
    environments,
    modelsRoot,
    temporary: TEMPORARY,
    prove: (jobDir) => proveInProcess({ nodeFile: process.execPath, mainFile }, jobDir),
  });
  return createRollouts({
    ...given,
    models: await createModelStore({ blobs, modelsRoot, environments, compiler }),
    contract: {
      read: readContract,
      compare: (contract, status, body) => {
        const compared = compareAnswer(contract, status, body);
        return compared.ok ? null : compared.differences.join("; ");
      },
    },
    defaults: policyDefaults(),
    log: (line, error) => logDefect(error, line),
  });
}
