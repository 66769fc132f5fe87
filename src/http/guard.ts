import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { SlipwayError } from "./errors.ts";

export interface GuardOptions {
  /** The address the platform listens on. */
  host: string;
  /** Further names that the Host header may carry; `*` in one stands for any characters. */
  allowedHosts: readonly string[];
}

/** Says why a request is refused, or null. Who calls is another question. */
export type Guard = (headers: IncomingHttpHeaders, method: string) => SlipwayError | null;

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "::1"];
const READING = new Set(["GET", "HEAD", "OPTIONS"]);

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const name = bareHost(host);
  return name === "localhost" || name === "::1" || (isIP(name) === 4 && name.startsWith("127."));
}

/**
 * Checks of every request, before anything else looks at it. The Host header must name this platform, or a
 * page elsewhere could reach it by a name that it points at loopback (DNS rebinding). A browser's Origin must
 * be the very host that it calls.
 */
export function createGuard(options: GuardOptions): Guard {
  const isPattern = (host: string): boolean => host.includes("*");
  const further = options.allowedHosts.filter((host) => !isPattern(host)).map(bareHost);
  const names = new Set([...LOOPBACK_NAMES, bareHost(options.host), ...further]);
  const patterns = options.allowedHosts.filter(isPattern);
  // An address can't be rebound, only a name can; so any of this machine's addresses may be called.
  const anyAddress = !isLoopback(options.host);
  const hostAllowed = (host: string) =>
    names.has(host) || (anyAddress && isIP(host) !== 0) || (!anyAddress && isLoopback(host));
  return (headers, method) => {
    const host = headers.host;
    if (host === undefined) return hostRefused(host, [...names, ...patterns]);
    if (!hostAllowed(bareHost(host)) && !patterns.some((pattern) => matches(pattern, host)))
      return hostRefused(host, [...names, ...patterns]);
    return originError(headers, method, host);
  };
}

/** Whether a host, with its port or without, is what a pattern says: `*.example.com`, `10.*`, `*`. */
function matches(pattern: string, host: string): boolean {
  const given = host.toLowerCase();
  return [given, bareHost(given)].some((name) => isLike(pattern.toLowerCase().split("*"), name));
}

/** Parts in this order, the first at the start and the last at the end: linear, whatever the caller sends. */
function isLike(parts: readonly string[], text: string): boolean {
  const first = parts[0] ?? "";
  const last = parts.at(-1) ?? "";
  if (text.length < first.length + last.length) return false;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const at = text.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return from <= text.length - last.length;
}

/** Host without port and brackets, in lower case. */
function bareHost(host: string): string {
  const lower = host.toLowerCase();
  if (lower.startsWith("[")) return lower.slice(1, lower.indexOf("]"));
  const colon = lower.indexOf(":");
  // More than one colon without brackets is an IPv6 address, not a port.
  return colon === -1 || lower.includes(":", colon + 1) ? lower : lower.slice(0, colon);
}

function originError(headers: IncomingHttpHeaders, method: string, host: string): SlipwayError | null {
  const origin = headers.origin;
  if (origin === undefined) {
    const crossSite = headers["sec-fetch-site"] === "cross-site" && !READING.has(method);
    return crossSite ? originRefused("another site") : null;
  }
  const from = /^https?:\/\/(.+)$/i.exec(origin)?.[1];
  return from?.toLowerCase() === host.toLowerCase() ? null : originRefused(origin);
}

function hostRefused(given: string | undefined, names: readonly string[]): SlipwayError {
  return new SlipwayError("HOST_REFUSED", "this platform doesn't answer to that host name", {
    where: "Host header",
    given: (given ?? "none").slice(0, 200),
    allowed: names.join(", "),
  });
}

function originRefused(given: string): SlipwayError {
  return new SlipwayError("ORIGIN_REFUSED", "a page of another origin may not call this platform", {
    where: "Origin header",
    given: given.slice(0, 200),
  });
}
