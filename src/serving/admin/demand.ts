import type { VariantRef } from "../backend.ts";
import type { Router } from "../router/router.ts";
import type { VariantPool } from "../router/variant-pool.ts";
import type { AdminCalls } from "./calls.ts";

/** Longest that a call waits for a request. */
const MOST_MS = 30_000;

/** What is asked of the variants that may have no pods; waits for a request to one that has none. */
export async function demandOf(
  { variants, demand, now }: Pick<Router, "variants" | "demand" | "now">,
  { waking, waitMs }: AdminCalls["demand"]["request"],
  signal: AbortSignal,
): Promise<AdminCalls["demand"]["answer"]> {
  const known = new Set(waking.map(keyOf));
  const mayHaveNone = (): VariantPool[] =>
    [...variants.pools()].filter(({ spec }) => spec.workers === 0 && spec.endpoints !== undefined);
  const isWanted = (): boolean =>
    mayHaveNone().some((pool) => pool.lacksPods && !known.has(keyOf(pool.spec)));
  await demand.until(isWanted, Math.min(waitMs, MOST_MS), signal);
  const at = now();
  return {
    variants: mayHaveNone().map((pool) => ({
      service: pool.spec.service,
      version: pool.spec.version,
      lacksPods: pool.lacksPods,
      idleMs: pool.idleMs(at),
    })),
  };
}

function keyOf({ service, version }: VariantRef): string {
  return `${version} ${service}`;
}
