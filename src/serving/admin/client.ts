import { Agent, request } from "node:http";
import type { RequestOptions } from "node:http";
import { joinBuffers } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { ErrorBody } from "../../http/errors.ts";
import type { AdminCall, AdminCalls } from "./calls.ts";

/** Where a serve process takes control's calls: a Unix socket of this machine, or a port that asks for a token. */
export type AdminAddress = { socketPath: string } | { host: string; port: number; token: string };

export interface AdminLimits {
  /** Default: 10 s. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Calls one serve process. SERVE_UNREACHABLE and TIMEOUT, or the error that it answered with. */
export interface AdminClient {
  call<Call extends AdminCall>(
    name: Call,
    given: AdminCalls[Call]["request"],
    limits?: AdminLimits,
  ): Promise<AdminCalls[Call]["answer"]>;
  close(): void;
}

/** Serve is back within a second after a crash: a call that found nobody waits for it. */
const RECONNECT_MS = 3_000;
const RECONNECT_EVERY_MS = 50;
const NOBODY = new Set(["ECONNREFUSED", "ENOENT", "EAGAIN"]);
const CALL_MS = 10_000;

/** @param patienceMs for which a call waits for a process that isn't there; default 3 s */
export function createAdminClient(deps: {
  address: AdminAddress;
  clock: Clock;
  patienceMs?: number;
}): AdminClient {
  const { address, clock, patienceMs = RECONNECT_MS } = deps;
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const to: RequestOptions =
    "socketPath" in address
      ? { agent, socketPath: address.socketPath }
      : {
          agent,
          host: address.host,
          port: address.port,
          headers: { authorization: `Bearer ${address.token}` },
        };
  return {
    call: (name, given, limits = {}) =>
      whenThere(clock, patienceMs, limits.signal, () => callAdmin(to, name, given, limits)),
    close: () => agent.destroy(),
  };
}

async function whenThere<Answer>(
  clock: Clock,
  patienceMs: number,
  signal: AbortSignal | undefined,
  attempt: () => Promise<Answer>,
): Promise<Answer> {
  const deadline = clock.now() + patienceMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? "";
      if (!NOBODY.has(code) || clock.now() >= deadline) throw error;
      await clock.sleep(RECONNECT_EVERY_MS, signal);
    }
  }
}

function callAdmin<Call extends AdminCall>(
  to: RequestOptions,
  name: Call,
  given: AdminCalls[Call]["request"],
  { timeoutMs = CALL_MS, signal }: AdminLimits,
): Promise<AdminCalls[Call]["answer"]> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const end = (act: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      act();
    };
    const body = JSON.stringify(given);
    const headers = {
      ...to.headers,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    const req = request({ ...to, method: "POST", path: `/${name}`, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("end", () => end(() => settle(joinBuffers(chunks).toString("utf8"), resolve, reject)));
      res.on("error", (error) => end(() => reject(unreachable(error))));
    });
    const onAbort = () => {
      end(() => reject(signal?.reason as Error));
      req.destroy();
    };
    const timer = setTimeout(() => {
      end(() => reject(new SlipwayError("TIMEOUT", `serve didn't answer ${name} within ${timeoutMs} ms`)));
      req.destroy();
    }, timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    req.on("error", (error) => end(() => reject(unreachable(error))));
    req.end(body);
    return undefined;
  });
}

function settle<Answer>(
  text: string,
  resolve: (answer: Answer) => void,
  reject: (error: Error) => void,
): void {
  let answer: { result: Answer } | { error: ErrorBody };
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch (error) {
    return reject(unreachable(error));
  }
  if ("error" in answer) reject(SlipwayError.fromJSON(answer.error));
  else resolve(answer.result);
  return undefined;
}

function unreachable(cause: unknown): SlipwayError {
  return new SlipwayError("SERVE_UNREACHABLE", "the serve process can't be reached", { cause });
}
