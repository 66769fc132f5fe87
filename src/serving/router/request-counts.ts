import type { InferTarget } from "./prediction-deps.ts";

/** Of one service; beyond it the oldest is given up: versions come and go for as long as the process lives. */
const MAX_SERIES = 1_024;

const PROTOCOLS = ["v1", "v2", "invocations", "grpc"] as const;

export interface RequestCount {
  /** "" where no service was found: a name that a caller made up is no label. */
  service: string;
  /** 0: none was chosen. */
  version: number;
  protocol: (typeof PROTOCOLS)[number];
  status: number;
  count: number;
}

/** What a caller is answered when it has gone. */
export const CLIENT_LEFT = 499;

/** Counts requests for predictions by how they were answered, those included that were refused before a variant was drawn. */
export class RequestCounts {
  /** By service, then by a number made of the other labels: counting makes no garbage. */
  readonly #services = new Map<string, Map<number, number>>();

  /** @param version undefined: none was chosen. @param isKnown the service exists */
  count(target: InferTarget, version: number | undefined, status: number, isKnown = true): void {
    const service = isKnown ? target.model : "";
    let counts = this.#services.get(service);
    if (counts === undefined) this.#services.set(service, (counts = new Map()));
    const protocol = PROTOCOLS.indexOf(target.isGrpc === true ? "grpc" : target.protocol);
    const key = ((version ?? 0) * PROTOCOLS.length + protocol) * 1_000 + status;
    const before = counts.get(key);
    counts.set(key, (before ?? 0) + 1);
    if (before !== undefined || counts.size <= MAX_SERIES) return;
    const [oldest] = counts.keys();
    if (oldest !== undefined) counts.delete(oldest);
  }

  report(): RequestCount[] {
    return [...this.#services].flatMap(([service, counts]) =>
      [...counts].map(([key, count]) => {
        const rest = Math.floor(key / 1_000);
        return {
          service,
          version: Math.floor(rest / PROTOCOLS.length),
          protocol: PROTOCOLS[rest % PROTOCOLS.length] ?? "v2",
          status: key % 1_000,
          count,
        };
      }),
    );
  }
}
