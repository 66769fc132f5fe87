import type { Events } from "../base/events.ts";
import type { Pipelines } from "../pipelines/pipelines.ts";
import type { Registry } from "../registry/registry.ts";
import { selectContracts, selectRolloutOf, selectRollouts, selectServiceOf } from "../rollout/rows.ts";
import { runText } from "../rollout/run-as.ts";
import { ofTenant } from "../rollout/service-owners.ts";
import type { Rollout } from "../rollout/state.ts";
import type { ServingBackend } from "../serving/backend.ts";
import type { Database, ReadTx } from "../store/database.ts";
import { within } from "../base/within.ts";
import type { WhyRollout, WhySources } from "../why/sources.ts";

export interface WhySourcesDeps {
  db: Database;
  pipelines: Pipelines;
  registry: (tenant: string) => Registry;
  backend: ServingBackend;
  events: Events;
  requests: (tenant: string) => RequestSources;
}

type RequestSources = Pick<WhySources, "request" | "origin">;

/** Longest that reading a log, or asking for pods, may take, in milliseconds: the rest is told without it. */
const LOG_MS = 5_000;
/** Events of one subject among which the newest are looked for. */
const EVENTS_READ = 1_000;

/** What `slipway why` reads, from the features that know it. */
export function whySources(deps: WhySourcesDeps): (tenant: string) => WhySources {
  return (tenant) => tenantSources(deps, tenant);
}

/** What is one tenant's; another's things aren't there. */
function tenantSources(deps: WhySourcesDeps, tenant: string): WhySources {
  const { db, pipelines, backend, events, requests } = deps;
  const registry = deps.registry(tenant);
  return {
    ...requests(tenant),
    async pipelineRun(id) {
      const run = await pipelines.get(id);
      if (run?.tenant !== tenant) return undefined;
      const steps = run.steps.map(({ name, state, reason, code, finishedAt }) => ({
        name,
        state,
        reason: reason ?? null,
        code: code ?? null,
        finishedAt: finishedAt ?? null,
        inputs: run.spec.pipeline.steps.find((step) => step.name === name)?.inputs ?? [],
      }));
      return { ...run, steps };
    },
    async version(model, version) {
      const found = await registry.getVersion(model, version);
      if (!found) return undefined;
      return {
        model,
        version,
        createdAt: found.createdAt,
        aliases: found.aliases,
        pipelineRunId: found.tags["slipway.pipeline_run"] ?? null,
        commit: found.tags["slipway.commit"] ?? null,
        runsAs: runText(found.tags) ?? null,
      };
    },
    rollout: (id) =>
      db.read(async (tx) => {
        const rollout = await selectRolloutOf(tx, tenant, id);
        return rollout && whyRollout(tx, rollout);
      }),
    rolloutOf: (model, version) =>
      db.read(async (tx) => {
        const of = `service = ? AND version = ? AND ${ofTenant("service")}`;
        const [newest] = await selectRollouts(tx, of, [model, version, tenant], "DESC", 1);
        return newest && whyRollout(tx, newest);
      }),
    async service(name) {
      const found = await db.read(async (tx) => {
        const service = await selectServiceOf(tx, tenant, name);
        if (!service) return undefined;
        const [last] = await selectRollouts(tx, "service = ?", [name], "DESC", 1);
        return { service, last };
      });
      if (!found) return undefined;
      const { service, last } = found;
      return {
        name,
        state: service.champion === null ? "empty" : (service.problem ?? "steady"),
        champion: service.champion,
        challenger: service.challenger,
        weight: service.weight,
        rolloutId: last?.id ?? null,
        commit: service.commit,
        changedAt: last?.endedAt ?? last?.createdAt ?? null,
        notReady: await notReady(backend, name),
      };
    },
    async events(subject, limit) {
      const all = await events.list(subject, { limit: EVENTS_READ });
      return all.slice(-limit).reverse();
    },
    async stepLog(pipelineRunId, step, lines) {
      const kept: string[] = [];
      const options = { step, follow: false, signal: AbortSignal.timeout(LOG_MS) };
      for await (const { line } of pipelines.logs(pipelineRunId, options)) {
        kept.push(line);
        if (kept.length > lines) kept.shift();
      }
      return kept;
    },
    variantLog: async (model, version, lines) =>
      (await within(backend.logs({ service: model, version }, lines), LOG_MS)) ?? [],
    variantPods: async (model, version, lines) =>
      (backend.pods && (await within(backend.pods({ service: model, version }, lines), LOG_MS))) ?? [],
    stepPods: async (pipelineRunId, step, lines) =>
      (await within(pipelines.pods(pipelineRunId, step, lines), LOG_MS)) ?? [],
  };
}

async function whyRollout(tx: ReadTx, rollout: Rollout): Promise<WhyRollout> {
  const contract = (await selectContracts(tx, rollout.service)).get(rollout.version);
  return {
    id: rollout.id,
    model: rollout.service,
    version: rollout.version,
    state: rollout.state,
    reason: rollout.reason,
    sentence: rollout.sentence,
    createdAt: rollout.createdAt,
    changedAt: rollout.endedAt ?? rollout.progressingAt ?? rollout.createdAt,
    pipelineRunId: rollout.request.pipelineRunId ?? null,
    commit: rollout.request.commit === "" ? null : rollout.request.commit,
    failedCheck: contract !== undefined && !contract.passed,
  };
}

/** Variants of a service with a worker that isn't ready, and what that worker said last. */
async function notReady(
  backend: ServingBackend,
  service: string,
): Promise<{ version: number; reason: string; code?: string }[]> {
  const state = await backend.state().catch(() => undefined);
  const variants = state?.variants.filter((variant) => variant.service === service) ?? [];
  return variants.flatMap(({ version, workers, obstacle }) => {
    if (obstacle) return [{ version, reason: obstacle.message, code: obstacle.code }];
    // One that ends was asked to.
    const ill = workers.find(({ state }) => state !== "ready" && state !== "stopping");
    if (!ill) return [];
    return [{ version, reason: `its worker is ${ill.state}${ill.lastExit ? `: ${ill.lastExit}` : ""}` }];
  });
}
