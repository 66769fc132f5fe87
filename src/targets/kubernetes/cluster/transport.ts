import * as http from "node:http";
import * as https from "node:https";
import type { Clock } from "../../../base/clock.ts";
import { SlipwayError } from "../../../http/errors.ts";
import type { Credentials, Proof } from "./credentials.ts";
import type { ClusterAccess } from "./kubeconfig.ts";

export interface ApiRequest {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** From the server's root, without a query. */
  path: string;
  query?: Readonly<Record<string, string | undefined>>;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
}

/** An answer of the API server: any status, JSON body (undefined when it is none). */
export interface ApiResponse {
  status: number;
  body: unknown;
}

/** Sends one request. Throws CLUSTER_UNREACHABLE when no answer came; answers with an error's status otherwise. */
export type Send = (request: ApiRequest) => Promise<ApiResponse>;

export interface TransportDeps {
  credentials: Credentials;
  clock: Clock;
  /** Of one try, in milliseconds: an API server ends its own requests after 60 s. */
  timeoutMs?: number;
  /** How often a request that a busy or starting server didn't take is sent, at most. */
  tries?: number;
}

const TIMEOUT_MS = 65_000;
const TRIES = 5;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8000;
/** Of one answer: a list of everything in a namespace of a large cluster stays below. */
const MAX_BYTES = 128 * 1024 * 1024;

/** What goes away by itself: a network that came up late, too many requests, a server that starts. */
const PASSING_STATUS = new Set([429, 502, 503, 504]);
const PASSING_ERROR = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EAI_AGAIN"]);

/** The way to one API server: keeps connections, proves who calls, tries again with longer and longer waits. */
export function connect(access: ClusterAccess, deps: TransportDeps): Send {
  const agents = {
    http: new http.Agent({ keepAlive: true, maxSockets: 16 }),
    https: new https.Agent({ keepAlive: true, maxSockets: 16 }),
  };
  const tries = deps.tries ?? TRIES;
  return async (request) => {
    let wait = FIRST_WAIT_MS;
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= tries;
      try {
        const answer = await once(access, deps, agents, request);
        if (answer.status === 401 && !isLast && deps.credentials.forget()) continue;
        if (isLast || !PASSING_STATUS.has(answer.status)) return answer;
        wait = Math.max(wait, answer.retryAfterMs ?? 0);
      } catch (error) {
        if (request.signal?.aborted || error instanceof SlipwayError) throw error;
        const { code = "" } = error as NodeJS.ErrnoException;
        if (isLast || !PASSING_ERROR.has(code)) throw unreachable(access, error as Error);
      }
      await deps.clock.sleep(Math.min(wait, LONGEST_WAIT_MS), request.signal);
      wait *= 2;
    }
  };
}

/** No answer came: because nobody listens, or because the server's certificate isn't trusted. */
export function unreachable({ server, context }: ClusterAccess, error: Error): SlipwayError {
  const { code } = error as NodeJS.ErrnoException;
  const isTrust = /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_)/.test(code ?? "");
  return new SlipwayError(
    "CLUSTER_UNREACHABLE",
    isTrust
      ? `the certificate of the cluster's API server isn't trusted (${code})`
      : `the cluster's API server doesn't answer (${code ?? error.message})`,
    { where: `context ${context}`, given: server.origin, cause: error },
  );
}

async function once(
  access: ClusterAccess,
  { credentials, timeoutMs = TIMEOUT_MS }: TransportDeps,
  agents: { http: http.Agent; https: https.Agent },
  request: ApiRequest,
): Promise<ApiResponse & { retryAfterMs?: number }> {
  const { url, payload, send, options } = messageTo(access, await credentials.proof(), request);
  const agent = send === http.request ? agents.http : agents.https;
  return new Promise((resolve, reject) => {
    const sent = send(url, { ...options, agent, timeout: timeoutMs }, (response) => {
      readJson(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, body, ...retryAfter(response) }),
        reject,
      );
    });
    sent.on("timeout", () =>
      sent.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })),
    );
    sent.on("error", reject);
    sent.end(payload);
  });
}

/** One request as Node sends it: where to, with which headers and certificates. */
export function messageTo(
  access: ClusterAccess,
  proof: Proof,
  request: ApiRequest,
): {
  url: URL;
  payload: string | undefined;
  send: typeof https.request;
  options: https.RequestOptions;
} {
  const url = new URL(access.server.href);
  url.pathname = url.pathname.replace(/\/$/, "") + request.path;
  for (const [key, value] of Object.entries(request.query ?? {}))
    if (value !== undefined) url.searchParams.set(key, value);
  const payload = request.body === undefined ? undefined : JSON.stringify(request.body);
  const isPlain = url.protocol === "http:";
  const options: https.RequestOptions = {
    method: request.method,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    headers: {
      accept: "application/json",
      "user-agent": "slipway",
      ...(proof.authorization === undefined ? {} : { authorization: proof.authorization }),
      ...(payload === undefined
        ? {}
        : {
            "content-type": request.contentType ?? "application/json",
            "content-length": Buffer.byteLength(payload),
          }),
    },
    ...(isPlain ? {} : tlsOptions(access, proof)),
  };
  return { url, payload, send: isPlain ? http.request : https.request, options };
}

function tlsOptions(
  { tls }: ClusterAccess,
  { cert, key }: { cert?: string; key?: string },
): https.RequestOptions {
  return {
    rejectUnauthorized: !tls.isInsecure,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function retryAfter({ headers }: http.IncomingMessage): { retryAfterMs?: number } {
  const seconds = Number(headers["retry-after"]);
  return Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1000 } : {};
}

async function readJson(response: http.IncomingMessage): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    return text === "" ? undefined : { message: text.slice(0, 500) };
  }
}
