import { setMaxListeners } from "node:events";
import { rm } from "node:fs/promises";
import type { Server } from "node:http";
import { dirname, join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import type { Clock } from "../base/clock.ts";
import { systemIds } from "../base/ids.ts";
import { consoleRoutes } from "../console/routes.ts";
import { createCollector } from "../gc/collector.ts";
import { gcRoutes } from "../gc/routes.ts";
import { hookRoutes } from "../git/hook-routes.ts";
import { createProjectOwners } from "../git/project-owners.ts";
import { createProjectPushes } from "../git/project-pushes.ts";
import { projectRoutes } from "../git/project-routes.ts";
import { Pushes } from "../git/pushes.ts";
import { GIT_LIMITS, gitRoutes } from "../git/smart-http.ts";
import { createRecorder } from "../history/recorder.ts";
import { historyRoutes } from "../history/routes.ts";
import { SlipwayError } from "../http/errors.ts";
import { drained } from "../http/drain.ts";
import { createGuard } from "../http/guard.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import { acceptProxied } from "../http/peer.ts";
import { createApp, openApiRoute } from "../http/server.ts";
import { meterDatabase } from "../monitoring/metered-database.ts";
import { metricsPage, metricsRoutes } from "../monitoring/metrics-routes.ts";
import type { MetricSource, MetricsDeps } from "../monitoring/metrics-routes.ts";
import { predictionLogMetrics } from "../monitoring/prediction-log/log-metrics.ts";
import { predictionLogRoutes } from "../monitoring/prediction-log/routes.ts";
import { platformMetrics } from "../monitoring/process-metrics.ts";
import { pipelineMetrics } from "../pipelines/pipeline-metrics.ts";
import { createPipelines } from "../pipelines/pipelines.ts";
import { pushRoutes } from "../push/routes.ts";
import { broughtRunOf } from "../push/commands.ts";
import { pipelineRoutes } from "../pipelines/routes.ts";
import { rolloutMetrics } from "../rollout/rollout-metrics.ts";
import { selectServicesOf } from "../rollout/rows.ts";
import { servingLogRoutes } from "../serving/log-routes.ts";
import { servingMetrics } from "../serving/serving-metrics.ts";
import { specRoutes } from "../spec/routes.ts";
import { createEvents } from "../store/events.ts";
import { type Fence } from "../store/leader.ts";
import { AuditedChanges } from "../tenancy/audited-changes.ts";
import { createTenancy } from "../tenancy/create-tenancy.ts";
import { stepToken } from "../tenancy/step-tokens.ts";
import { MLFLOW_VERSION } from "../tracking/server-routes.ts";
import { whyRoutes } from "../why/routes.ts";
import type { ControlSecrets } from "./artifact-settings.ts";
import { SOCKETS, type PlatformConfig } from "./config.ts";
import { readDeclaredTenants } from "./declared-tenants.ts";
import type { OpenTarget } from "./control-target.ts";
import { otherOwner, platformId, refuseProjects } from "./follower.ts";
import { callerName } from "./identify.ts";
import { openArtifacts } from "./open-artifacts.ts";
import { CONTROL_MIGRATIONS } from "./control-migrations.ts";
import { createJudging } from "./create-judging.ts";
import { openDatabase } from "./open-database.ts";
import { openProjects } from "./open-projects.ts";
import { openRecords } from "./open-records.ts";
import { openRollouts } from "./open-rollouts.ts";
import { openLocalTarget } from "./local-target.ts";
import { mirroredPlatform, openMirrorPlace } from "./open-git-mirror.ts";
import { openPredictionLog } from "./open-prediction-log.ts";
import { predictionRoutes } from "./prediction-routes.ts";
import { platformRoutes } from "./platform-routes.ts";
import { platformSchema } from "./platform-schema.ts";
import { projectReader } from "./project-at.ts";
import { requestSources } from "./request-sources.ts";
import { subjectOwner } from "./subject-owner.ts";
import { whySources } from "./why-sources.ts";

/** Between looks for pushes that have no pipeline run yet, in milliseconds. */
const RECONCILE_MS = 30_000;

export interface ControlDeps {
  clock: Clock;
  secrets: ControlSecrets;
  logDefect: (error: unknown, where?: string) => void;
  /** Nothing can be written any more. */
  onFatal: (error: SlipwayError) => void;
  /** Default: this machine's processes. */
  openTarget?: OpenTarget;
  /** In a cluster: the right to write, of the one that leads. */
  fence?: Fence;
  /** What whoever runs it knows beside it. */
  metrics?: readonly MetricSource[];
}

export interface Control {
  /** As `GET /metrics` answers it. */
  metrics(): Promise<string>;
  /** Lets what callers have asked for come to its end, for at most so long, as `drained` does it. */
  drain(withinMs: number, lingerMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Builds the control process from its parts, brings it to where it was, and listens on its sockets. */
export async function composeControl(config: PlatformConfig, deps: ControlDeps): Promise<Control> {
  const { clock, logDefect } = deps;
  const ids = systemIds(() => clock.now());
  const stopping = new AbortController();
  // The loop of each service waits for it.
  setMaxListeners(0, stopping.signal);
  const socket = (name: keyof typeof SOCKETS): string => join(config.runDir, SOCKETS[name]);
  const url = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${config.port}`;

  const changes = new AuditedChanges();
  const database = await openDatabase({
    postgres: deps.secrets.postgres,
    file: config.storeFile,
    writerFile: config.writerFile,
    fence: deps.fence,
    migrations: CONTROL_MIGRATIONS,
    clock,
    onFatal: deps.onFatal,
  });
  const metered = meterDatabase(database, () => performance.now());
  const db = changes.watch(metered.database);
  const mirrorPlace = await openMirrorPlace(config.gitMirror, deps.secrets, clock);
  platformId(config.dataDir, ids, await mirroredPlatform(mirrorPlace));
  const owner = await otherOwner(db, { dataDir: config.dataDir, clock, ids });
  const id = owner?.platform ?? platformId(config.dataDir, ids);
  const events = createEvents(db, clock);
  const artifacts = await openArtifacts({
    settings: config.artifacts,
    secrets: deps.secrets,
    folder: config.artifactsDir,
    clock,
    log: logDefect,
  });
  const { blobs } = artifacts;
  const records = await openRecords(config, { clock, ids, db, logDefect });
  const { tracking, registry, tenants } = records;
  const { internalToken } = config;
  const projectOwners = createProjectOwners(db);
  const recorder = createRecorder({ db, clock });

  const { repositories, environment, mirror } = await openProjects(config, {
    clock,
    ids,
    mirrorPlace: owner ? undefined : mirrorPlace,
    platform: id,
    epoch: deps.fence && (() => deps.fence?.epoch ?? 0),
    hooksSocket: socket("hooks"),
    logDefect,
  });
  if (!owner) await projectOwners.adopt(await repositories.projects());

  const target = await (deps.openTarget ?? openLocalTarget)({
    config,
    clock,
    ids,
    db,
    blobs,
    repositories,
    environment,
    mirror,
    ledger: records.ledger(blobs),
    signal: stopping.signal,
    logDefect,
  });
  const { backend, engine } = target;
  const predictionLog = openPredictionLog({
    config,
    clock,
    db,
    blobs,
    samples: target.samples,
    roll: () => backend.rollLog(),
    logDefect,
  });
  const rollouts = await openRollouts(config, {
    clock,
    ids,
    db,
    events,
    blobs,
    backend,
    environment,
    registry: recorder.watch(tenants.registryOfServices),
    signal: stopping.signal,
    logDefect,
  });
  const pipelines = createPipelines({
    database: db,
    clock,
    ids,
    events,
    engine,
    tracking,
    registry,
    rollouts,
    artifacts: blobs,
    repository: repositories.path,
    url: () => config.stepUrl ?? url,
    credentials:
      config.tokenSha256 === null ? {} : { MLFLOW_TRACKING_TOKEN: stepToken(internalToken, DEFAULT_TENANT) },
    inTenant: tenants.inTenant,
    logDefect,
  });
  const projectAt = projectReader(repositories);
  const tenantOfProject = async (name: string): Promise<string> =>
    (await projectOwners.of(name)) ?? DEFAULT_TENANT;
  const pushes = new Pushes();
  const projectPushes = createProjectPushes({
    database: db,
    repositories,
    clock,
    ids,
    async onProjectPush(push) {
      const { spec } = await projectAt(push.project, push.commit);
      const tenant = await tenantOfProject(push.project);
      await tenants.claim(tenant, spec);
      const brought = await db.read((tx) => broughtRunOf(tx, push));
      return brought ?? (await pipelines.trigger({ ...push, tenant, spec, cache: true, key: push.id })).id;
    },
    logDefect,
  });

  const { platformFile: declared } = config;
  const tenancy = createTenancy({
    db,
    changes,
    auditDays: config.auditDays,
    clock,
    ids,
    platformSha256: config.tokenSha256,
    stepSecret: internalToken,
    admit: (callers) => backend.admit(callers),
    publicUrl: config.signIn.publicUrl,
    declared: declared === undefined ? undefined : () => readDeclaredTenants(declared),
    oidc: config.signIn.oidc && { ...config.signIn.oidc, clientSecret: deps.secrets.oidcClientSecret },
    log: logDefect,
  });
  const app = await createApp({
    guard: createGuard(config),
    sentry: tenancy.authenticator,
    logDefect,
    version: config.version,
  });
  if (owner) refuseProjects(app);
  tenancy.routes(app);
  platformRoutes(app, {
    version: config.version,
    mlflowVersion: MLFLOW_VERSION,
    target: target.name,
    platformId: id,
    dataDir: config.dataDir,
    grpcPort: config.grpcPort,
    events,
    ownerOf: subjectOwner(db, projectOwners),
    services: (tenant) => db.read((tx) => selectServicesOf(tx, tenant)),
  });
  consoleRoutes(app, { assetsDir: join(dirname(config.mainFile), "console") });
  specRoutes(app, { platformSchema });
  records.routes(app, blobs);
  pushRoutes(app, {
    db,
    clock,
    blobs,
    rollouts,
    platformId: id,
    version: config.version,
    claimProject: projectOwners.claim,
    ownerOfProject: projectOwners.of,
    projectAt,
    callerName,
  });
  pipelineRoutes(app, {
    pipelines,
    ids,
    async projectAt(tenant, name, commit) {
      if ((await tenantOfProject(name)) !== tenant)
        throw new SlipwayError("NOT_FOUND", `there is no project ${name}`);
      const found = await projectAt(name, commit);
      await tenants.claim(tenant, found.spec);
      return found;
    },
  });
  const judging = createJudging({
    db,
    clock,
    rollouts,
    backend,
    modelsRoot: join(config.dataDir, "models"),
    isGatewayRouted: target.isGatewayRouted === true,
    isInPods: target.name === "kubernetes",
    logDefect,
  });
  judging.routes(app);
  projectRoutes(app, {
    repositories,
    projectPushes,
    owners: projectOwners,
    pipelineRun: (id) => pipelines.get(id),
  });
  whyRoutes(app, {
    sources: whySources({
      db,
      pipelines,
      registry: tenants.registryOf,
      backend,
      events,
      requests: requestSources({ db, backend, reader: predictionLog.reader }),
    }),
  });
  const collector = createCollector({
    db,
    blobs,
    clock,
    ids,
    artifactRoot: config.artifactRoot,
    beforeRunsGo: recorder.beforeRunsGo,
    logDefect,
  });
  gcRoutes(app, { collector });
  historyRoutes(app, { db });
  gitRoutes(app, {
    repositories,
    owners: projectOwners,
    pushes,
    clock,
    ids,
    limits: GIT_LIMITS,
    pusher: callerName,
    logDefect,
  });
  predictionRoutes(app, config.predictions ?? { path: socket("predict") });
  servingLogRoutes(app, { backend, isServiceOf: predictionLog.isServiceOf });
  predictionLogRoutes(app, predictionLog);
  const metrics: MetricsDeps = {
    sources: [
      ...(deps.metrics ?? []),
      platformMetrics({ version: config.version, clock }),
      servingMetrics({ backend, areSeveral: target.name === "kubernetes" }),
      predictionLogMetrics({ backend, ...predictionLog }),
      rolloutMetrics(db),
      pipelineMetrics(db),
      metered.source,
    ],
    logDefect,
  };
  metricsRoutes(app, metrics);
  target.routes?.(app);
  openApiRoute(app);
  const hooks = Fastify({ logger: false, forceCloseConnections: true });
  hookRoutes(hooks, {
    repositories,
    pushes,
    projectPushes,
    environment,
    maxFileBytes: config.maxFileBytes,
    owners: projectOwners,
    serviceOwners: tenants.services,
    versionExists: async (model, version) =>
      (await tenants.registryOfServices.getVersion(model, version)) !== undefined,
    followPush: (id, signal) => pipelines.followLines(id, signal),
    limits: judging.limits,
    advise: judging.advise,
    mirror,
    logDefect,
  });

  await listen(hooks, socket("hooks"));
  acceptProxied(app.server as Server);
  await listen(app, socket("control"));
  if (!owner) rollouts.start(stopping.signal);
  target.start?.();
  void artifacts.run(stopping.signal);
  const mirroring = mirror?.run(stopping.signal);
  const logging = predictionLog.writer.run(stopping.signal);
  const minding = tenancy.run(stopping.signal);
  const delivering = records.run(stopping.signal);
  collector.resume();
  recorder.catchUp().catch((error: unknown) => logDefect(error, "history of what served"));
  void judging.run(stopping.signal);
  if (owner) logDefect(undefined, `the projects of this database are run from ${owner.dataFolder}`);
  else await pipelines.resume();
  if (!owner) await projectPushes.reconcile();
  // A push whose pipeline run couldn't be started, for a passing reason, gets it at the next round.
  const reconciling = setInterval(() => {
    if (owner) return;
    projectPushes.reconcile().catch((error: unknown) => logDefect(error, "reconcile pushes"));
  }, RECONCILE_MS).unref();

  return {
    metrics: () => metricsPage(metrics),
    drain: (withinMs, lingerMs) => drained(app.server as Server, withinMs, { lingerMs }),
    async close() {
      stopping.abort();
      clearInterval(reconciling);
      await Promise.allSettled([
        app.close(),
        minding,
        logging,
        hooks.close(),
        rollouts.ended(),
        pipelines.close(),
        delivering,
        mirroring,
        collector.close(),
      ]);
      backend.close();
      artifacts.close();
      mirrorPlace?.close();
      await engine.close();
      await tenancy.close();
      await db.close();
    },
  };
}

async function listen(app: FastifyInstance, path: string): Promise<void> {
  await rm(path, { force: true });
  await app.listen({ path });
  // Idle connections from serve are kept: it closes them when its own callers go.
  (app.server as Server).keepAliveTimeout = 0;
}
