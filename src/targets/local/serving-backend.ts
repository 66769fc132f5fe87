import { Agent, request } from "node:http";
import { systemClock } from "../../base/clock.ts";
import type { Clock } from "../../base/clock.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { ErrorBody } from "../../http/errors.ts";
import { joinBuffers } from "../../base/bytes.ts";
import type { AdminCall, AdminCalls } from "../../serving/admin/calls.ts";
import type { ServingBackend } from "../../serving/backend.ts";
import type { FoundPrediction } from "../../serving/outcomes.ts";
import type { ServingFigures } from "../../serving/figures.ts";

export interface LocalServingOptions {
  /** The serve process's own socket. */
  socketPath: string;
  /** Default: the machine's own. */
  clock?: Clock;
}

/** Serve is back within a second after a crash: a call that found nobody waits for it. */
const RECONNECT_MS = 3_000;
const RECONNECT_EVERY_MS = 50;
const NOBODY = new Set(["ECONNREFUSED", "ENOENT", "EAGAIN"]);

const CALL_MS = 10_000;
/** Loading a large model, several workers after each other. */
const PREPARE_MS = 5 * 60_000;
/** Draining takes up to 30 s. */
const REMOVE_MS = 45_000;
/** Whoever scrapes waits for ten seconds at most, by Prometheus's default. */
const FIGURES_MS = 3_000;

export interface LocalServingBackend extends ServingBackend {
  /** Says who may ask for predictions; answers the ids of the tokens that did since the last time. */
  admit(callers: AdminCalls["callers"]["request"]): Promise<{ used: string[] }>;
  /** What serve counts for people who operate it. */
  figures(): Promise<ServingFigures>;
  /** What is known of a request by its id. */
  prediction(requestId: string): Promise<FoundPrediction>;
  /** Hands over what the prediction log has, for its files. */
  rollLog(): Promise<void>;
  close(): void;
}

/** Serves variants by the serve process of this machine; SERVE_UNREACHABLE while it is away. */
export function createLocalServingBackend(options: LocalServingOptions): LocalServingBackend {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const call = <Call extends AdminCall>(
    name: Call,
    given: AdminCalls[Call]["request"],
    limits: { timeoutMs?: number; signal?: AbortSignal } = {},
  ) =>
    whenThere(options.clock ?? systemClock, limits.signal, () =>
      callAdmin(agent, options.socketPath, name, given, limits),
    );
  return {
    prepare: async (spec, signal) => void (await call("prepare", spec, { signal, timeoutMs: PREPARE_MS })),
    probe: (ref, v2Body, signal) => call("probe", { ...ref, body: v2Body }, { signal, timeoutMs: 35_000 }),
    remove: async (ref) => void (await call("remove", ref, { timeoutMs: REMOVE_MS })),
    route: async (rule) => void (await call("route", rule)),
    unroute: async (service, order) => void (await call("unroute", { service, order })),
    stopChallenger: async (service, version) => void (await call("stop-challenger", { service, version })),
    state: () => call("state", null),
    outcomes: () => call("outcomes", null),
    predictions: (cursor, limit, services) => call("predictions", { cursor, limit, services }),
    logs: (ref, lines) => call("logs", { ...ref, lines }),
    figures: () => call("figures", null, { timeoutMs: FIGURES_MS }),
    prediction: (requestId) => call("prediction", { requestId }),
    rollLog: async () => void (await call("roll-log", null)),
    admit: (callers) => call("callers", callers),
    close: () => agent.destroy(),
  };
}

async function whenThere<Answer>(
  clock: Clock,
  signal: AbortSignal | undefined,
  attempt: () => Promise<Answer>,
): Promise<Answer> {
  const deadline = clock.now() + RECONNECT_MS;
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
  agent: Agent,
  socketPath: string,
  name: Call,
  given: AdminCalls[Call]["request"],
  { timeoutMs = CALL_MS, signal }: { timeoutMs?: number; signal?: AbortSignal },
): Promise<AdminCalls[Call]["answer"]> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const end = (act: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      act();
    };
    const body = JSON.stringify(given);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const req = request({ agent, socketPath, method: "POST", path: `/${name}`, headers }, (res) => {
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
