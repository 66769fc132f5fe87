import type { Clock } from "../../base/clock.ts";
import { createAdminClient, type AdminClient } from "./client.ts";
import { servingControl, type ServingControl } from "./serving-control.ts";

/** One serve process among several. */
export interface ServePod {
  /** "host:port" of its admin interface. */
  address: string;
  serving: ServingControl;
  client: AdminClient;
}

export interface ServePods {
  /** Those that there are now, ready or not; throws when their name can't be looked up. */
  find(): Promise<ServePod[]>;
  close(): void;
}

interface Place {
  host: string;
  port: number;
}

/** A pod that is there answers at once, or not at all: others mustn't wait for it. */
const PATIENCE_MS = 0;

/**
 * The serve processes by their addresses. A name stands for all that it resolves to at the time, as that of a headless
 * Service does for its pods; clients of those that are gone are closed.
 */
export function createServePods(deps: {
  at: readonly Place[];
  token: string;
  clock: Clock;
  lookup: (host: string) => Promise<readonly string[]>;
}): ServePods {
  const { at, token, clock, lookup } = deps;
  const known = new Map<string, ServePod>();
  const podAt = (host: string, port: number): ServePod => {
    const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    let pod = known.get(address);
    if (pod === undefined) {
      const client = createAdminClient({ address: { host, port, token }, clock, patienceMs: PATIENCE_MS });
      known.set(address, (pod = { address, client, serving: servingControl(client) }));
    }
    return pod;
  };
  return {
    async find() {
      const places = at.map(async ({ host, port }) =>
        (await lookup(host)).map((address) => podAt(address, port)),
      );
      const found = [...new Set((await Promise.all(places)).flat())];
      for (const [address, pod] of known) {
        if (found.includes(pod)) continue;
        known.delete(address);
        pod.client.close();
      }
      return found;
    },
    close() {
      for (const { client } of known.values()) client.close();
      known.clear();
    },
  };
}
