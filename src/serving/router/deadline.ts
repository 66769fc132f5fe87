import type { IncomingHttpHeaders } from "node:http";

/** Milliseconds of gRPC's units of time. */
const UNITS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Milliseconds of a `grpc-timeout` header: at most eight digits and a unit (gRPC over HTTP/2, "Timeout"); undefined when
 * it isn't one.
 */
export function grpcTimeout(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(digits) * (UNITS[unit] as number);
}

/**
 * How long the caller says it will wait, in milliseconds: `grpc-timeout`, which gateways carry over HTTP too, or
 * `x-envoy-expected-rq-timeout-ms`, by which a mesh tells what it will wait itself. undefined: it doesn't say;
 * "malformed": it can't be read.
 */
export function callerTimeout(headers: IncomingHttpHeaders): number | "malformed" | undefined {
  const grpc = headers["grpc-timeout"];
  if (typeof grpc === "string") return grpcTimeout(grpc) ?? "malformed";
  const envoy = headers["x-envoy-expected-rq-timeout-ms"];
  // Zero is how Envoy says that it waits for ever.
  if (typeof envoy !== "string" || envoy === "0") return undefined;
  return /^\d{1,12}$/.test(envoy) ? Number(envoy) : "malformed";
}
