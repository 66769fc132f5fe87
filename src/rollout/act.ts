import { recordAliases, recordIntent, supersedeIntent } from "./commands/projection.ts";
import { beginChecking, endRollout, holdRollout, recordContract, recordStop } from "./commands/requests.ts";
import { checkVersion } from "./check-version.ts";
import type { Action, Situation } from "./situation.ts";
import type { RolloutDeps } from "./deps.ts";
import type { Interrupts } from "./interrupts.ts";
import { checkedModel } from "./checked-model.ts";
import { evidenceLines } from "./sentences.ts";
import type { Intent, Service } from "./state.ts";
import { applyRule, isAboutVersion, isRefusal, trafficRule } from "./traffic.ts";
import { compileOf, variantSettings } from "./variant-settings.ts";
import type { VariantSettings } from "./variant-settings.ts";
import type { ServingSpec } from "../spec/project.ts";

/** Emergency stops that this process has told the backend; forgotten on a restart, so told again. */
export type ToldStops = Map<string, string>;

export interface ActContext {
  deps: RolloutDeps;
  situation: Situation;
  told: ToldStops;
  interrupts: Interrupts;
  /** Of the interrupts, from before the situation was read. */
  mark: number;
  signal: AbortSignal;
}

type Of<Name extends Action["do"]> = Extract<Action, { do: Name }>;

/** Does one action. Every one may be done again after a crash at any line. */
export async function act(context: ActContext, action: Action): Promise<void> {
  const { deps, situation } = context;
  const { service } = situation;
  const now = deps.clock.now();
  switch (action.do) {
    case "wait":
      return;
    case "stop":
      return stop(context, action);
    case "tell-stop":
      return tellStop(context, action.version);
    case "commit":
      return commit(context, action);
    case "begin":
      return deps.db.write(beginChecking, { id: action.rolloutId });
    case "end":
      return deps.db.write(endRollout, {
        id: action.rolloutId,
        state: action.state,
        reason: action.reason,
        sentence: action.sentence,
        now,
      });
    case "hold":
      return deps.db.write(holdRollout, {
        id: action.rolloutId,
        reason: action.reason,
        sentence: action.sentence,
      });
    case "check":
      return context.interrupts.during(service.name, context, (signal) =>
        checkVersion(
          deps,
          {
            service: service.name,
            version: action.version,
            settings: settings(context),
            compile: compileOf(servingOf(context)),
            rolloutId: action.rolloutId,
            isCompared: service.champion !== null && service.champion !== action.version,
          },
          signal,
        ),
      );
    case "prepare":
      return context.interrupts.during(service.name, context, (signal) =>
        prepare({ ...context, signal }, action),
      );
    case "route":
      return route(context);
    case "project-aliases":
      return projectAliases(deps, service);
    case "remove":
      return remove(deps, service.name, action.version);
  }
}

/** Durable first, then in force: after a crash in between the row says what to do. */
async function stop(context: ActContext, { stop }: Of<"stop">): Promise<void> {
  const { deps, situation } = context;
  const { recorded } = await deps.db.write(recordStop, { service: situation.service.name, stop });
  if (recorded) await tellStop(context, stop.version);
}

async function tellStop({ deps, situation, told }: ActContext, version: number): Promise<void> {
  const { name, commit } = situation.service;
  await deps.backend.stopChallenger(name, version);
  told.set(name, `${commit}/${version}`);
}

/** Steps (1) to (3) of the protocol; (4) and (5) follow at the next pass, which projects the new commit. */
async function commit({ deps, situation }: ActContext, action: Of<"commit">): Promise<void> {
  const { rollout, projection, service } = situation;
  const intent: Intent = {
    id: deps.ids.sortable("in"),
    service: service.name,
    fromCommit: projection.commit ?? "",
    desired: action.desired,
    after: action.after,
  };
  const { recorded } = await deps.db.write(recordIntent, {
    intent,
    evidence: rollout?.judgement ?? null,
    now: deps.clock.now(),
  });
  if (!recorded) return;
  const evidence = rollout ? evidenceLines(rollout) : "";
  const answer = await deps.environment.commit({
    parent: projection.commit,
    service: service.name,
    state: action.desired,
    subject: action.subject,
    body: evidence === "" ? action.after.sentence : `${action.after.sentence}\n\n${evidence}`,
    trailers: { "Slipway-Intent": intent.id, "Slipway-Rollout": action.after.rolloutId },
  });
  if ("conflict" in answer) await deps.db.write(supersedeIntent, { id: intent.id });
}

async function prepare(context: ActContext, { version, sha256 }: Of<"prepare">): Promise<void> {
  const { deps, situation, signal } = context;
  const { service, rollout } = situation;
  const spec = {
    service: service.name,
    version,
    ...settings(context),
  };
  try {
    const compile = compileOf(servingOf(context));
    const copy = await checkedModel(deps, { service: service.name, version, sha256, compile });
    await deps.backend.prepare({ ...spec, ...copy }, signal);
  } catch (error) {
    // The champion is tried again; a challenger that can't be loaded any more is taken out.
    if (!isAboutVersion(error) || version === service.champion) throw error;
    await deps.db.write(recordContract, {
      service: service.name,
      rolloutId: rollout?.version === version ? rollout.id : null,
      verdict: { version, passed: false, message: error.message, sha256 },
      now: deps.clock.now(),
    });
  }
}

async function route({ deps, situation }: ActContext): Promise<void> {
  const { service, rollout } = situation;
  if (service.commit === null) return;
  if (service.champion === null) return deps.backend.unroute(service.name, service.order);
  const serving = service.serving ?? rollout?.request.serving ?? deps.defaults.serving;
  const policy = rollout?.request.policy ?? service.policy ?? deps.defaults.policy;
  const { name, champion, challenger, weight, shadow } = service;
  const state = {
    name,
    champion,
    weight,
    ...(challenger === null ? {} : { challenger }),
    ...(shadow === null ? {} : { shadow }),
  };
  await applyRule(
    deps.backend,
    trafficRule(
      state,
      { commit: service.commit, order: service.order },
      { serving, policy, tenant: service.tenant },
    ),
  );
}

async function projectAliases({ registry, db }: RolloutDeps, service: Service): Promise<void> {
  for (const alias of ["champion", "challenger"] as const) {
    const version = service[alias];
    // A person's push may name a version that was never registered; there is nothing to point at then.
    const exists = version !== null && (await registry.getVersion(service.name, version)) !== undefined;
    if (version === null || exists) await registry.projectAlias(service.name, alias, version);
  }
  await db.write(recordAliases, { service: service.name, commit: service.commit ?? "" });
}

async function remove({ backend }: RolloutDeps, service: string, version: number): Promise<void> {
  try {
    await backend.remove({ service, version });
  } catch (error) {
    // Still named by a rule: the next pass tries again.
    if (!isRefusal(error, ["CONFLICT", "VARIANT_IN_USE"])) throw error;
  }
}

function settings(context: ActContext): VariantSettings {
  return variantSettings(servingOf(context));
}

function servingOf({ deps, situation }: ActContext): ServingSpec {
  const { service, rollout } = situation;
  return rollout?.request.serving ?? service.serving ?? deps.defaults.serving;
}
