import type { FastifyInstance } from "fastify";
import { openGit } from "../../git/plumbing.ts";
import { ENVIRONMENT } from "../../git/names.ts";
import { openRenderedBranch } from "../../git/rendered-branch.ts";
import { DEFAULT_TENANT } from "../../http/identity.ts";
import { ownerOfService } from "../../rollout/service-owners.ts";
import { archiveRoutes } from "../../serving/archive/archive-routes.ts";
import { ArchiveStore } from "../../serving/archive/archive-store.ts";
import { createGoneCounts } from "../../serving/gone-counts.ts";
import type { ServingControl } from "../../serving/admin/serving-control.ts";
import { ClusterClient } from "../../targets/kubernetes/cluster/client.ts";
import { Credentials } from "../../targets/kubernetes/cluster/credentials.ts";
import { connectStreams } from "../../targets/kubernetes/cluster/stream.ts";
import { connect } from "../../targets/kubernetes/cluster/transport.ts";
import { Applier } from "../../targets/kubernetes/serving/applier.ts";
import { ArgoCdCarrier } from "../../targets/kubernetes/serving/argo-cd/carrier.ts";
import type { ArgoCdCarrierDeps } from "../../targets/kubernetes/serving/argo-cd/carrier.ts";
import { openKubernetesServing } from "../../targets/kubernetes/serving/backend.ts";
import type { KubernetesServing } from "../../targets/kubernetes/serving/backend.ts";
import type { Carrier, KubernetesServingDeps } from "../../targets/kubernetes/serving/deps.ts";
import { eventsIn } from "../../targets/kubernetes/serving/events.ts";
import { MANAGED_BY, MANAGER, WORKER_SECRET, namespaceOf } from "../../targets/kubernetes/serving/names.ts";
import { isRoutePath } from "../../targets/kubernetes/serving/gateway/route.ts";
import { openGatewayServing } from "../../targets/kubernetes/serving/gateway/gateway-serving.ts";
import { withdrawRoutes } from "../../targets/kubernetes/serving/gateway/withdraw-routes.ts";
import { readPodLog } from "../../targets/kubernetes/serving/pod-log.ts";
import { clusterReplicas } from "../../targets/kubernetes/serving/replicas.ts";
import { SplitCarrier } from "../../targets/kubernetes/serving/split-carrier.ts";
import { KSERVE_KIND, ROUTE_KIND, VARIANT_KINDS } from "../../targets/kubernetes/serving/variant-kinds.ts";
import { WatchedPods } from "../../targets/kubernetes/serving/watched-pods.ts";
import { tenantOfWorker, workerToken } from "../../tenancy/worker-tokens.ts";
import type { TargetDeps } from "../control-target.ts";
import { adminToken } from "./internal-tokens.ts";
import type { ServingSettings } from "./serving-settings.ts";

const BRANCH = "refs/heads/kubernetes";
/** Labels of serve's pods, as they are rendered. */
const SERVE = { "app.kubernetes.io/name": "slipway", "app.kubernetes.io/component": "serve" };

/** Models in pods of their own, and what these pods ask of control. */
export async function openServing(
  { access, env, namespace, image, pullPolicy, isKserve, argoCd, gateway }: ServingSettings,
  deps: TargetDeps,
): Promise<{
  backend: ServingControl & Pick<KubernetesServing, "samples">;
  routes: (app: FastifyInstance) => void;
  start: () => void;
}> {
  const { config, clock, ids, db, blobs, repositories, signal } = deps;
  const log = (error: unknown, where: string): void => deps.logDefect(error, where);
  const credentials = new Credentials(access, { clock, env });
  const client = new ClusterClient(connect(access, { credentials, clock }));
  const open = connectStreams(access, { credentials });
  const pods = new WatchedPods({ client, open, clock, signal, log });
  const { carrier, keep } = carrierOf(
    { client, clock, signal, log },
    { isKserve, argoCd, hasRoutes: gateway !== undefined },
  );
  const archives = new ArchiveStore(blobs);
  const placeOf = (tenant: string): string => namespaceOf(namespace, tenant);
  const serving: KubernetesServingDeps = {
    pods,
    clock,
    signal,
    log,
    portName: "admin",
    token: adminToken(config.internalToken),
    serveLabels: SERVE,
    namespace,
    image,
    ...(pullPolicy === undefined ? {} : { pullPolicy }),
    url: config.stepUrl ?? `http://slipway.${namespace}.svc:${config.port}`,
    isKserve,
    branch: openRenderedBranch({
      path: await repositories.ensure(ENVIRONMENT),
      git: await openGit({ path: config.stepEnv["PATH"] ?? "" }),
      clock,
      branch: BRANCH,
      mirror: deps.mirror,
    }),
    carrier,
    // KServe keeps the number of its own, and a gateway keeps no request until there is one.
    ...(isKserve || gateway !== undefined ? {} : { replicas: clusterReplicas(client) }),
    archives,
    gone: createGoneCounts(db),
    tenantOf: async (service) => (await db.read((tx) => ownerOfService(tx, service))) ?? DEFAULT_TENANT,
    async ensureTenant(tenant) {
      await ensureSecret(client, placeOf(tenant), workerToken(config.internalToken, tenant));
      await pods.follow(placeOf(tenant));
    },
    events: (place) => eventsIn(client, place, isKserve),
    podLog: (pod, lines) => readPodLog(open, pod, lines),
    incarnation: ids.sortable("sum"),
  };
  const tokenOf = (tenant: string): string => workerToken(config.internalToken, tenant);
  const backend = await (gateway === undefined
    ? openKubernetesServing(serving)
    : openGatewayServing({ ...serving, ...gateway, tokenOf }));
  return {
    backend,
    routes: (app) =>
      archiveRoutes(app, {
        archives,
        tenantOfWorker: (token) => tenantOfWorker(config.internalToken, token),
      }),
    start() {
      const places = [namespace, ...backend.tenants().map(placeOf)];
      // Until they are known serve goes on with what it was told before.
      void Promise.all(places.map((place) => pods.follow(place)))
        .then(() => (gateway === undefined ? withdrawRoutes({ branch: serving.branch, client }) : undefined))
        .catch((error: unknown) =>
          log(error, "taking away the routes of a gateway that divided traffic before"),
        )
        .then(() => {
          if (!signal.aborted) backend.start();
        });
      void keep();
    },
  };
}

/** Who makes the cluster be as the branch says, and what keeps it so. */
function carrierOf(
  deps: Omit<ArgoCdCarrierDeps, "application">,
  {
    isKserve,
    argoCd,
    hasRoutes,
  }: Pick<ServingSettings, "isKserve"> & {
    argoCd: ServingSettings["argoCd"] | undefined;
    hasRoutes: boolean;
  },
): { carrier: Carrier; keep: () => Promise<void> } {
  const routeKinds = hasRoutes ? [ROUTE_KIND] : [];
  if (argoCd === undefined) {
    // With KServe, Deployments are looked for, too, in case they were made before it came.
    const kinds = [...VARIANT_KINDS, ...(isKserve ? [KSERVE_KIND] : []), ...routeKinds];
    const carrier = new Applier({ ...deps, kinds });
    return { carrier, keep: () => carrier.heal() };
  }
  const engine = new ArgoCdCarrier({ ...deps, application: argoCd });
  if (!hasRoutes) return { carrier: engine, keep: () => engine.tend() };
  const routes = new Applier({ ...deps, kinds: routeKinds });
  return {
    carrier: new SplitCarrier({ engine, routes, isRoute: isRoutePath, log: deps.log }),
    keep: async () => void (await Promise.all([engine.tend(), routes.heal()])),
  };
}

/** Never in Git: made by whoever leads, by the API alone. */
async function ensureSecret(client: ClusterClient, namespace: string, token: string): Promise<void> {
  await client.apply(
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: WORKER_SECRET, namespace, labels: { [MANAGED_BY]: MANAGER } },
      type: "Opaque",
      stringData: { token },
    },
    { force: true, manager: MANAGER },
  );
}
