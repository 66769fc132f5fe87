import { SlipwayError } from "../../../http/errors.ts";
import type { Inventory } from "./inventory.ts";

/** By major and minor: a patch never changes what is in a cluster. Negative when `a` is older. */
export function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split(".").map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(".").map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}

/** PLATFORM_OLDER or PLATFORM_NEWER when another version of slipway applied it last. */
export function refuseOtherVersion(
  inventory: Inventory | undefined,
  slipway: string,
  upgrade: boolean,
): void {
  if (inventory === undefined) return;
  const order = compareVersions(inventory.slipway, slipway);
  const facts = { given: `slipway ${inventory.slipway}`, allowed: `slipway ${slipway}` };
  if (order > 0)
    throw new SlipwayError("PLATFORM_NEWER", "a newer slipway applied this platform", {
      ...facts,
      allowed: `slipway ${inventory.slipway} or newer`,
    });
  if (order < 0 && !upgrade)
    throw new SlipwayError("PLATFORM_OLDER", "an older slipway applied this platform", facts);
}

/** PLATFORM_PAUSED while changes are held back. */
export function refusePaused(inventory: Inventory | undefined): void {
  if (inventory?.paused === undefined) return;
  throw new SlipwayError("PLATFORM_PAUSED", `the platform ${inventory.platform} is paused`, {
    given: inventory.paused.reason,
  });
}
