import type { ServingControl } from "../../../serving/admin/serving-control.ts";
import type { RuleBook } from "../../../serving/router/rule-book.ts";
import { variantKey } from "./variant.ts";
import type { PodVariant } from "./variant.ts";

interface InForce {
  /** By key. */
  variants: ReadonlyMap<string, PodVariant>;
  rules: RuleBook;
  /** Says where a variant's pods are. */
  tell(variant: PodVariant, isKnown: boolean): Promise<void>;
}

/** Makes a serve process that knows nothing, or what was true once, know exactly what is in force. */
export async function bringUpToDate(
  control: ServingControl,
  { variants, rules, tell }: InForce,
): Promise<void> {
  const known = await control.state();
  const has = new Set(known.variants.map(variantKey));
  await Promise.all([...variants.values()].map((variant) => tell(variant, has.has(variantKey(variant)))));
  for (const { rule, stopped } of rules.state().rules) {
    await control.route(rule);
    if (stopped && rule.challenger !== undefined) await control.stopChallenger(rule.service, rule.challenger);
  }
  const removed = new Map(rules.state().removed.map(({ service, order }) => [service, order]));
  for (const { service, order } of known.rules)
    if (rules.find(service) === undefined) await control.unroute(service, removed.get(service) ?? order);
  for (const ref of known.variants) if (!variants.has(variantKey(ref))) await control.remove(ref);
}
