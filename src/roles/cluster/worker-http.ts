import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { digestOf } from "../../http/credentials.ts";
import { createGuard } from "../../http/guard.ts";
import { EXPOSITION_TYPE, Exposition } from "../../monitoring/exposition.ts";
import { addOutcomes } from "../../serving/outcome-metrics.ts";
import { createAdminServer } from "../../serving/admin/admin-server.ts";
import { adminHandlers } from "../../serving/admin/handlers.ts";
import { sendJson } from "../../serving/router/answers.ts";
import { CallerBook } from "../../serving/router/caller-book.ts";
import { createRouter } from "../../serving/router/router.ts";
import type { WorkerSettings } from "./worker-settings.ts";

/** Of a request that comes past our router, by a gateway: whoever sends it has a deadline of its own. */
const TIMEOUT_MS = 120_000;
const MAX_BODY_BYTES = 100 * 1024 * 1024;

export interface WorkerHttp {
  readonly server: Server;
  /** What control says and asks, where a gateway sends the requests. */
  readonly admin?: Server;
  /** From now on the model answers: requests go to the pod's own port of frames. */
  serve(framesPort: number): Promise<void>;
  /** It answers what comes, and says that nothing more should come. */
  leave(): void;
  close(): void;
}

/** Open Inference of the pod's one model, and what the cluster asks a pod: /health, /ready, /metrics. */
export async function createWorkerHttp(settings: WorkerSettings, clock: Clock): Promise<WorkerHttp> {
  const { cacheDir, service, version, tenant, token, door } = settings;
  const ownDir = join(cacheDir, "pods", `${settings.framesPort}`);
  await mkdir(ownDir, { recursive: true });
  let isLoaded = false;
  let isLeaving = false;
  const router = await createRouter({
    serveDir: ownDir,
    runDir: ownDir,
    modelsRoot: ownDir,
    logsDir: ownDir,
    host: { living: [], spawn: () => undefined, end: () => undefined, listen: () => undefined },
    addressOf: (endpoint) => ({
      host: settings.host === "::" ? "::1" : settings.host,
      port: Number(endpoint.split(":").at(-1)),
      token,
    }),
    clock,
    // No browser comes here. Who may come is the network's policy, and with a gateway in front a matter of tokens.
    guard: createGuard({ host: settings.host, allowedHosts: ["*"] }),
    callers: new CallerBook({
      path: join(ownDir, "tokens.json"),
      platformSha256: door === undefined ? null : digestOf(token),
      stepSha256: digestOf(token),
      now: () => clock.now(),
    }),
    version: "",
  });
  const handlers = adminHandlers(router);
  // Until control has told what requests count for, and who may call, none should come by a gateway.
  const isReady = () => isLoaded && !isLeaving && (door === undefined || router.told.isComplete);
  const own: Record<string, (res: ServerResponse) => unknown> = {
    "/health": (res) => sendJson(res, 200, '{"status":"ok"}'),
    "/ready": (res) => sendJson(res, isReady() ? 200 : 503, JSON.stringify({ ready: isReady() })),
    "/metrics": (res) => metrics(res),
  };
  async function metrics(res: ServerResponse): Promise<void> {
    const page = new Exposition();
    addOutcomes(page, await handlers.outcomes(null, new AbortController().signal));
    res.writeHead(200, { "content-type": EXPOSITION_TYPE }).end(page.text());
  }
  // What the cluster asks of a pod is about this pod, not about services: it comes before the router.
  const server = createServer({ keepAliveTimeout: 75_000 }, (req: IncomingMessage, res) => {
    const path = (req.url ?? "/").split("?", 1)[0] ?? "/";
    // A gateway keeps connections: it should begin no request on one that is about to end.
    if (isLeaving) res.shouldKeepAlive = false;
    if (Object.hasOwn(own, path)) own[path]?.(res);
    else router.http.emit("request", req, res);
  });
  const admin = door && createAdminServer(handlers, { tokenSha256: digestOf(token), isReady });
  return {
    server,
    ...(admin && { admin }),
    async serve(framesPort) {
      const stop = new AbortController();
      const spec = {
        service,
        version,
        tenant,
        format: settings.format,
        modelDir: settings.digest,
        workers: 1,
        endpoints: [`self:${framesPort}`],
      };
      await router.variants.prepare(spec).pool.ready(stop.signal);
      isLoaded = true;
      // What the requests of a gateway count for is control's to say.
      if (door !== undefined) return;
      router.rules.put({
        service,
        commit: settings.digest,
        order: 1,
        champion: version,
        share: 0,
        timeoutMs: TIMEOUT_MS,
        maxBodyBytes: MAX_BODY_BYTES,
        protocols: ["v1", "v2"],
      });
    },
    leave() {
      isLeaving = true;
    },
    close() {
      server.close();
      admin?.close();
      admin?.closeAllConnections();
      server.closeIdleConnections();
      router.variants.detach();
      router.seen.close();
    },
  };
}
