import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { answerClientError } from "../../http/client-error.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { Guard } from "../../http/guard.ts";
import { hostsError } from "../../http/one-host.ts";
import { originForm } from "../../http/request-target.ts";
import { sendRefusal } from "./answers.ts";
import { EVERYWHERE, type CallerBook, type Reach } from "./caller-book.ts";
import { CopiesUnderWay } from "./copies-under-way.ts";
import { modelBytes } from "../model-bytes.ts";
import { handleInfo } from "./model-info.ts";
import { OutcomeCounters } from "./outcome-counters.ts";
import { SeenCallers } from "./seen-callers.ts";
import { handleInfer } from "./prediction-handler.ts";
import { Demand } from "./demand.ts";
import type { PredictionDeps } from "./prediction-deps.ts";
import { Placement } from "./placement.ts";
import { PredictionLog } from "./prediction-log.ts";
import { RequestCounts } from "./request-counts.ts";
import { relocate } from "./relocate.ts";
import { SampleSegments } from "./sample-segments.ts";
import { SampleLog } from "./sample-log.ts";
import { createRouteReader, isPredictionPath } from "./routes.ts";
import type { PredictionRoute } from "./routes.ts";
import { RuleBook } from "./rule-book.ts";
import { ShadowCounters } from "./shadow-counters.ts";
import { secretFile } from "./secret-file.ts";
import { SnapshotFile } from "./snapshot.ts";
import type { Tracer } from "../tracing/tracer.ts";
import { Variants } from "./variants.ts";
import type { EndpointAddress } from "./worker-connection.ts";
import { withinReach } from "./visible-rules.ts";
import type { WorkerHost } from "./worker-host.ts";

export interface RouterDeps {
  /** Folder of the snapshot and the prediction log. */
  serveDir: string;
  runDir: string;
  /** Absolute; holds the models' copies, each in a folder named by its content. */
  modelsRoot: string;
  /** Folder of the workers' logs. */
  logsDir: string;
  host: WorkerHost;
  /** Where models run in pods: how one is reached. */
  addressOf?: EndpointAddress;
  clock: Clock;
  guard: Guard;
  /** Who may ask for predictions. */
  callers: CallerBook;
  version: string;
  /** By which callers are hashed in the prediction log; default: a secret of the folder's own. */
  callersKey?: Buffer;
  /** Makes traces of predictions. */
  tracer?: Tracer | undefined;
  /** Answers requests that aren't predictions on connections that began with one; undefined: 404. */
  forward?: (req: IncomingMessage, res: ServerResponse) => void;
}

export interface Router extends PredictionDeps {
  readonly rules: RuleBook;
  readonly logsDir: string;
  /** Answers predictions; public connections are handed to it by `emit("connection")`. */
  readonly http: Server;
  readonly snapshot: SnapshotFile;
  readonly clock: Clock;
  readonly callers: CallerBook;
  /** Of the prediction log, what is in no file yet. */
  readonly segments: SampleSegments;
  /** Who waits for a pod. */
  readonly demand: Demand;
  /** What control has told so far is all that there is. */
  readonly told: { isComplete: boolean };
}

const SEGMENT_BYTES = 8 * 1024 * 1024;
const LOG_BYTES = 256 * 1024 * 1024;
/** Of what nobody has made Parquet files of yet. */
const SPOOL_BYTES = 256 * 1024 * 1024;
const SPOOL_MS = 15 * 60_000;

/** Builds the router from what the last one left: same rules, same weights, the workers that still live. */
export async function createRouter(deps: RouterDeps): Promise<Router> {
  const path = join(deps.serveDir, "snapshot.json");
  const before = await SnapshotFile.load(path);
  const { clock, runDir, host, addressOf } = deps;
  const rules = new RuleBook(before);
  const newWorkerId = () => randomBytes(5).toString("hex");
  const placement = new Placement(newWorkerId, () => clock.now());
  const demand = new Demand();
  const variants = new Variants({
    wanted: () => demand.tell(),
    runDir,
    host,
    clock,
    placement,
    newWorkerId,
    modelBytes,
    ...(addressOf && { addressOf }),
  });
  variants.restore(await relocate(before?.variants ?? [], deps.modelsRoot));
  const samplesDir = join(deps.serveDir, "samples");
  const incarnation = newIncarnation(clock.now());
  const told = { isComplete: before?.isComplete === true };
  let requests = 0;
  const router: Router = {
    rules,
    variants,
    clock,
    told,
    callers: deps.callers,
    demand,
    segments: new SampleSegments(samplesDir),
    logsDir: deps.logsDir,
    outcomes: new OutcomeCounters(incarnation, () => performance.now()),
    requests: new RequestCounts(),
    tracer: deps.tracer,
    copies: new CopiesUnderWay(),
    shadows: new ShadowCounters(incarnation),
    seen: seenCallers(join(deps.serveDir, "callers"), rules),
    log: new PredictionLog({
      dir: join(deps.serveDir, "predictions"),
      incarnation,
      segmentBytes: SEGMENT_BYTES,
      totalBytes: LOG_BYTES,
    }),
    samples: new SampleLog({
      dir: samplesDir,
      incarnation,
      segmentBytes: SEGMENT_BYTES,
      segmentMs: SPOOL_MS,
      totalBytes: SPOOL_BYTES,
      key: deps.callersKey ?? secretFile(join(deps.serveDir, "callers.key")),
    }),
    snapshot: new SnapshotFile(path, () => ({
      ...rules.state(),
      variants: variants.specs(),
      ...(told.isComplete ? { isComplete: true } : {}),
    })),
    now: () => clock.now(),
    ticks: () => performance.now(),
    random: Math.random,
    // The incarnation makes it unique over restarts, the number within one.
    newRequestId: () => `${incarnation}-${(requests++).toString(36)}`,
    http: createPredictionServer(deps, () => router),
  };
  return router;
}

/** With what the last router saw of the trials that go on. */
function seenCallers(dir: string, rules: RuleBook): SeenCallers {
  const seen = new SeenCallers(dir);
  for (const { rule } of rules.state().rules) seen.enter(rule);
  return seen;
}

/** Sorts by time, so that the prediction log's segments sort over restarts: 9 characters of time, 6 of chance. */
function newIncarnation(now: number): string {
  return now.toString(36).padStart(9, "0") + randomBytes(3).toString("hex");
}

/** Whether it lives is told to whoever looks after it. */
function isHealth({ kind }: PredictionRoute): boolean {
  return kind === "live" || kind === "ready" || kind === "ping" || kind === "services-ready";
}

function createPredictionServer(deps: RouterDeps, router: () => Router): Server {
  const readRoute = createRouteReader();
  let own: ((reach: Reach) => PredictionDeps) | undefined;
  const server = createServer(
    { keepAliveTimeout: 75_000, requestTimeout: 60_000, maxHeaderSize: 16 * 1024 },
    (req, res) => {
      const url = originForm(req.url ?? "/");
      if (!isPredictionPath(url) && deps.forward !== undefined) return deps.forward(req, res);
      const route = readRoute(req.method ?? "GET", url);
      const refused = hostsError(req.rawHeaders) ?? deps.guard(req.headers, req.method ?? "GET");
      if (refused !== null) return sendRefusal(res, refused);
      const reach = isHealth(route) ? EVERYWHERE : deps.callers.reach(req.headers);
      if (reach instanceof SlipwayError) return sendRefusal(res, reach);
      own ??= withinReach<PredictionDeps>(router());
      const visible = own(reach);
      if (route.kind === "infer") return handleInfer(req, res, route, visible);
      const { rules, variants } = visible;
      return handleInfo(req, res, route, { rules, variants, version: deps.version });
    },
  );
  server.headersTimeout = 15_000;
  server.on("clientError", answerClientError);
  return server;
}
