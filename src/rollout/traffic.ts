import { SlipwayError } from "../http/errors.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import type { ServiceState } from "../git/environment.ts";
import type { TrafficRule } from "../serving/backend.ts";
import type { RolloutPolicy, ServingSpec } from "../spec/project.ts";
import type { RolloutDeps } from "./deps.ts";

/** Of the requests that go to the prediction log where the project's file doesn't say. */
const LOG_SAMPLE = 0.01;

/** The rule that a commit says for one service; how it is served comes from the project's file. */
export function trafficRule(
  state: ServiceState,
  at: { commit: string; order: number },
  {
    serving,
    policy,
    tenant,
  }: { serving: ServingSpec; policy: Pick<RolloutPolicy, "fallback">; tenant: string | undefined },
): TrafficRule {
  const { challenger, shadow } = state;
  return {
    service: state.name,
    ...(tenant === undefined || tenant === DEFAULT_TENANT ? {} : { tenant }),
    commit: at.commit,
    order: at.order,
    champion: state.champion,
    ...(challenger === undefined ? {} : { challenger }),
    share: challenger === undefined ? 0 : state.weight / 100,
    ...(challenger === undefined || shadow === undefined ? {} : { shadow: shadow / 100 }),
    ...(challenger !== undefined && policy.fallback ? { fallback: true } : {}),
    ...(serving.sticky ? { sticky: serving.sticky } : {}),
    timeoutMs: serving.timeout,
    maxBodyBytes: serving.maxBody,
    protocols: serving.protocol,
    log: { sample: serving.log?.sample ?? LOG_SAMPLE, values: serving.log?.values ?? true },
  };
}

/** Puts a rule in force; one that is older than what is in force has been overtaken, which is no error. */
export async function applyRule(backend: RolloutDeps["backend"], rule: TrafficRule): Promise<void> {
  try {
    await backend.route(rule);
  } catch (error) {
    if (!isRefusal(error, ["CONFLICT", "RULE_OUTDATED"])) throw error;
  }
}

/** True for an error that says something about the version itself, so that trying again would change nothing. */
export function isAboutVersion(error: unknown): error is SlipwayError {
  if (!(error instanceof SlipwayError)) return false;
  const code: string = error.code;
  return code === "VARIANT_NOT_READY" || /^(MODEL|CONTRACT|ENVIRONMENT)_/.test(code);
}

/** True for a refusal by one of these codes. */
export function isRefusal(error: unknown, codes: readonly string[]): boolean {
  return error instanceof SlipwayError && codes.includes(error.code);
}
