import { SlipwayError } from "../../http/errors.ts";
import type { TrafficRule } from "../backend.ts";
import type { RuleInForce } from "./assign.ts";

/** What is written into the snapshot. */
export interface RuleBookState {
  rules: RuleInForce[];
  /** Services whose rule was removed, with the order of the commit that said so. */
  removed: { service: string; order: number }[];
}

const MAX_REMOVED = 1_000;

/** The traffic rules in force. Never goes back: a rule of an older commit is refused. */
export class RuleBook {
  readonly #rules = new Map<string, RuleInForce>();
  readonly #removed = new Map<string, number>();

  constructor(state?: RuleBookState) {
    for (const inForce of state?.rules ?? []) this.#rules.set(inForce.rule.service, inForce);
    for (const { service, order } of state?.removed ?? []) this.#removed.set(service, order);
  }

  find(service: string): RuleInForce | undefined {
    return this.#rules.get(service);
  }

  /** Names of all services that have a rule. */
  services(): string[] {
    return [...this.#rules.keys()];
  }

  state(): RuleBookState {
    return {
      rules: [...this.#rules.values()],
      removed: [...this.#removed].map(([service, order]) => ({ service, order })),
    };
  }

  /** True when the book changed; RULE_OUTDATED when a newer commit spoke already, RULE_INVALID for shares that can't be. */
  put(rule: TrafficRule): boolean {
    const present = this.#rules.get(rule.service);
    this.#refuseOlder(rule.service, rule.order, rule.commit);
    refuseShares(rule);
    const same = present !== undefined && present.rule.commit === rule.commit;
    // The same commit said again keeps an emergency stop; only a newer one lifts it.
    this.#rules.set(rule.service, { rule, stopped: same && present.stopped });
    this.#removed.delete(rule.service);
    return !same || JSON.stringify(present.rule) !== JSON.stringify(rule);
  }

  /** True when there was a rule to remove. */
  remove(service: string, order: number): boolean {
    this.#refuseOlder(service, order);
    this.#removed.delete(service);
    this.#removed.set(service, order);
    const [oldest] = this.#removed.keys();
    if (this.#removed.size > MAX_REMOVED && oldest !== undefined) this.#removed.delete(oldest);
    return this.#rules.delete(service);
  }

  /** True when it took a challenger out; false when that version is on trial no more. */
  stop(service: string, version: number): boolean {
    const present = this.#rules.get(service);
    if (present === undefined || present.rule.challenger !== version || present.stopped) return false;
    this.#rules.set(service, { rule: present.rule, stopped: true });
    return true;
  }

  /** True while a rule sends, or may send, traffic to the version. */
  names(service: string, version: number): boolean {
    const rule = this.#rules.get(service)?.rule;
    return rule !== undefined && (rule.champion === version || rule.challenger === version);
  }

  #refuseOlder(service: string, order: number, commit?: string): void {
    const present = this.#rules.get(service)?.rule;
    const newest = Math.max(present?.order ?? -1, this.#removed.get(service) ?? -1);
    const other = commit !== undefined && present?.order === order && present.commit !== commit;
    if (order >= newest && !other) return;
    throw new SlipwayError("RULE_OUTDATED", `a newer commit rules service ${service}`, {
      where: `service/${service}`,
      given: `commit number ${order}`,
      allowed: `beyond ${newest}`,
    });
  }
}

function refuseShares({ service, challenger, share, shadow = 0 }: TrafficRule): void {
  const isShare = (value: unknown) => typeof value === "number" && value >= 0 && value <= 1;
  const both = share > 0 && shadow > 0;
  const nobody = challenger === undefined && (share > 0 || shadow > 0);
  if (isShare(share) && isShare(shadow) && !both && !nobody) return;
  throw new SlipwayError("RULE_INVALID", `traffic of ${service} can't be divided like that`, {
    where: `service/${service}`,
    given: `share ${share}, copies ${shadow}${nobody ? ", and no challenger" : ""}`,
  });
}
