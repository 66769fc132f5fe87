import { systemClock } from "../../base/clock.ts";
import type { Clock } from "../../base/clock.ts";
import { createAdminClient } from "../../serving/admin/client.ts";
import { servingControl } from "../../serving/admin/serving-control.ts";
import type { ServingControl } from "../../serving/admin/serving-control.ts";

export interface LocalServingOptions {
  /** The serve process's own socket. */
  socketPath: string;
  /** Default: the machine's own. */
  clock?: Clock;
}

/** Serves variants by the serve process of this machine; SERVE_UNREACHABLE while it is away. */
export function createLocalServingBackend({
  socketPath,
  clock = systemClock,
}: LocalServingOptions): ServingControl {
  return servingControl(createAdminClient({ address: { socketPath }, clock }));
}
