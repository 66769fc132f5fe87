import type { IncomingHttpHeaders } from "node:http2";
import { SlipwayError } from "../../http/errors.ts";
import type { Guard } from "../../http/guard.ts";
import type { CallerBook } from "../router/caller-book.ts";
import type { VisibleRules } from "../router/visible-rules.ts";
import type { Call } from "./call.ts";
import { healthMethods } from "./health.ts";
import { inferenceMethods } from "./inference-service.ts";
import type { ServiceDeps } from "./inference-service.ts";
import { HEALTH_SERVICE, SERVICE } from "./messages.ts";
import { createGrpcServer } from "./server.ts";
import type { GrpcServer } from "./server.ts";
import { codeOfHttp } from "./status.ts";

export interface GrpcDeps extends ServiceDeps {
  guard: Guard;
  callers: CallerBook;
}

const MAX_CONNECTIONS = 1_024;
const MAX_STREAMS = 256;
const MAX_READING_BYTES = 256 * 1024 * 1024;
const READ_WITHIN_MS = 60_000;
const IDLE_MS = 15 * 60_000;
/** Of a message to a server that serves nothing yet. */
const SMALL_MESSAGE = 64 * 1024;

/** Whether it lives is told to whoever looks after it, as over HTTP. */
const OPEN = new Set([`/${SERVICE}/ServerLive`, `/${SERVICE}/ServerReady`, `/${HEALTH_SERVICE}/Check`]);

/** The gRPC server of the serve process: the router's services for gRPC's callers. It listens nowhere yet. */
export function createGrpc(deps: GrpcDeps): GrpcServer {
  return createGrpcServer({
    methods: new Map([...inferenceMethods(deps), ...healthMethods(deps)]),
    refuse: (call, path) => refuse(call, path, deps),
    maxMessageBytes: () => largestBody(deps.rules),
    maxConnections: MAX_CONNECTIONS,
    maxStreams: MAX_STREAMS,
    maxReadingBytes: MAX_READING_BYTES,
    readWithinMs: READ_WITHIN_MS,
    idleMs: IDLE_MS,
  });
}

function refuse(call: Call, path: string, { guard, callers }: GrpcDeps): boolean {
  let error = guard(withHost(call.headers), "POST");
  if (error === null && !OPEN.has(path)) {
    const reach = callers.reach(call.headers);
    if (reach instanceof SlipwayError) error = reach;
    else call.reach = reach;
  }
  if (error === null) return false;
  call.fail(codeOfHttp(error.status), `${error.message} (${error.hint})`);
  return true;
}

/** HTTP/2 tells the host in `:authority`, which guards know as Host. */
function withHost(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const host = headers[":authority"] ?? headers.host;
  return {
    ...(host === undefined ? {} : { host }),
    ...(headers.origin === undefined ? {} : { origin: headers.origin }),
    ...(headers["sec-fetch-site"] === undefined ? {} : { "sec-fetch-site": headers["sec-fetch-site"] }),
  };
}

/** Of any service: which one a message is for shows when it has been read. */
function largestBody(rules: VisibleRules): number {
  let largest = SMALL_MESSAGE;
  for (const service of rules.services())
    largest = Math.max(largest, rules.find(service)?.rule.maxBodyBytes ?? 0);
  return largest;
}
