import { DEFAULT_TENANT } from "../../../../http/identity.ts";
import type { TrafficRule } from "../../../../serving/backend.ts";
import type { RuleInForce } from "../../../../serving/router/assign.ts";
import type { PredictionCallers } from "../../../../serving/router/caller-book.ts";
import type { PodVariant } from "../variant.ts";
import { leftOutEpoch } from "./epochs.ts";

/** Of a version that no rule names yet: it is asked by its number alone. */
const UNNAMED = {
  timeoutMs: 30_000,
  maxBodyBytes: 100 * 1024 * 1024,
  protocols: ["v1", "v2"],
} satisfies Partial<TrafficRule>;

/**
 * What a pod behind a gateway goes by: all that comes is its own version's, and counts under `epoch` as its arm's.
 * @param about `order`: of what the pod was told; later ones have greater numbers
 */
export function ruleOf(
  { service, version, tenant }: PodVariant,
  { epoch, order, inForce }: { epoch: string; order: number; inForce: RuleInForce | undefined },
): TrafficRule {
  const rule = inForce?.rule;
  const onTrial = rule?.challenger;
  const isNamed = rule !== undefined && (rule.champion === version || onTrial === version);
  const { timeoutMs, maxBodyBytes, protocols } = isNamed ? rule : UNNAMED;
  return {
    service,
    ...(tenant === DEFAULT_TENANT ? {} : { tenant }),
    // What still comes to one that isn't named any more was sent by weights that are gone.
    commit: isNamed ? epoch : leftOutEpoch(epoch),
    order,
    champion: version,
    share: 0,
    timeoutMs,
    maxBodyBytes,
    protocols,
    divided: {
      arm: version === onTrial ? "challenger" : "champion",
      ...(onTrial === undefined ? {} : { onTrial }),
    },
  };
}

/**
 * Who may call a tenant's pods by themselves: those whose token is good for this tenant and no other. In its pods run models
 * that the tenant brought, and a token that is shown there mustn't open anything of anybody else's.
 */
export function callersOf({ tokens }: PredictionCallers, tenant: string): PredictionCallers {
  return { tokens: tokens.filter(({ tenants }) => tenants?.length === 1 && tenants[0] === tenant) };
}
