import type { RuleInForce } from "./assign.ts";
import { EVERYWHERE, type Reach } from "./caller-book.ts";
import type { RuleBook } from "./rule-book.ts";

/** The rules that a caller may know of. */
export type VisibleRules = Pick<RuleBook, "find" | "services">;

/**
 * What answers requests, for callers of each reach: to them any other service is one that isn't there. Made once for each,
 * since this stands before every request.
 */
export function withinReach<Deps extends { rules: VisibleRules }>(deps: Deps): (reach: Reach) => Deps {
  const known = new WeakMap<Reach, Deps>();
  return (reach) => {
    if (reach === EVERYWHERE) return deps;
    let own = known.get(reach);
    if (own === undefined) known.set(reach, (own = { ...deps, rules: visible(deps.rules, reach) }));
    return own;
  };
}

function visible(rules: VisibleRules, reach: Reach): VisibleRules {
  const find = (service: string): RuleInForce | undefined => {
    const found = rules.find(service);
    return found !== undefined && reach.covers(found.rule) ? found : undefined;
  };
  return {
    find,
    services: () => rules.services().filter((service) => find(service) !== undefined),
  };
}
