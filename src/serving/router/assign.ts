import type { DividedRule, TrafficRule } from "../backend.ts";

export interface RuleInForce {
  rule: TrafficRule;
  /** True once an emergency stop took the challenger out. */
  stopped: boolean;
}

/** Which variant takes a unit of traffic, and what the tests must know about how it was chosen. */
export interface Assignment {
  version: number;
  arm: "champion" | "challenger";
  epoch: string;
  share: number;
  /** On trial when the unit was assigned, whichever variant took it. */
  onTrial?: number;
}

/** Share of new units that the challenger gets at present. */
export function shareInForce({ rule, stopped }: RuleInForce): number {
  return stopped || rule.challenger === undefined ? 0 : rule.share;
}

/** Share of requests of which the challenger gets a copy at present. */
export function shadowInForce({ rule, stopped }: RuleInForce): number {
  return stopped || rule.challenger === undefined || rule.share > 0 ? 0 : (rule.shadow ?? 0);
}

/**
 * Chooses the arm of a new unit.
 * @param point in [0, 1): random, or the caller's own fixed point where the rule is sticky. The challenger has
 * [0, share), so that a rising share only ever moves callers towards it.
 */
export function assign(inForce: RuleInForce, point: number): Assignment {
  const { rule, stopped } = inForce;
  if (rule.divided !== undefined) return divided(rule, rule.divided);
  const share = shareInForce(inForce);
  const epoch = stopped ? `${rule.commit}!` : rule.commit;
  if (rule.challenger === undefined) return { version: rule.champion, arm: "champion", epoch, share };
  const isChallenger = point < share;
  return {
    version: isChallenger ? rule.challenger : rule.champion,
    arm: isChallenger ? "challenger" : "champion",
    epoch,
    share,
    onTrial: rule.challenger,
  };
}

/** Somebody else drew it: what share that was is told when the interval is over. */
function divided({ champion, commit }: TrafficRule, { arm, onTrial }: DividedRule): Assignment {
  const share = arm === "challenger" ? 1 : 0;
  return { version: champion, arm, epoch: commit, share, ...(onTrial === undefined ? {} : { onTrial }) };
}

/**
 * A caller's fixed point in [0, 1) for one trial: FNV-1a with a final avalanche (MurmurHash3's fmix32). It
 * depends on the challenger, so that it isn't always the same callers who try first.
 */
export function stickyPoint(rule: TrafficRule, value: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${rule.service}\n${rule.challenger ?? ""}\n${value}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** The rule as it works now: an emergency stop has taken the challenger's shares. */
export function ruleInForce(inForce: RuleInForce): TrafficRule {
  const rule = { ...inForce.rule, share: shareInForce(inForce) };
  return rule.shadow === undefined ? rule : { ...rule, shadow: shadowInForce(inForce) };
}
