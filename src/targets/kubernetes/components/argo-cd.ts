import { z } from "zod";
import type { Platform } from "../../../spec/platform/platform.ts";
import { defineComponent } from "../component.ts";
import type { ChartUse, SecretUse } from "../component.ts";
import type { DeliveryFacts, Facts, ModelDeliveryFacts } from "../facts.ts";
import type { KubernetesObject } from "../object.ts";
import { complain, label } from "../../../spec/fields.ts";
import { objectName } from "../../../spec/platform/fields.ts";
import { namespaceOf } from "../serving/names.ts";
import { deliveredParts, deliveryFacts, deliveryOptions } from "./parts/delivery.ts";
import { namespace, placed } from "./parts/place.ts";
import { MODELS, MODELS_KEYS, modelsDelivery } from "./argo-cd/models.ts";
import { families, watch } from "./parts/watch.ts";
import type { Watched } from "./parts/watch.ts";

const FROM = ["components", "argoCd"] as const;
const NAMESPACE = "argocd";
const API = "argoproj.io/v1alpha1";
const PROJECT = "platform";
const SERVER = "https://kubernetes.default.svc";

const options = z
  .strictObject({
    repository: deliveryOptions.repository.exactOptional(),
    branch: deliveryOptions.branch.unwrap().exactOptional().describe("Its branch; default main."),
    path: deliveryOptions.path.exactOptional(),
    credentials: deliveryOptions.credentials,
    installed: z
      .strictObject({ namespace: label().default(NAMESPACE).describe("Where it runs.") })
      .exactOptional()
      .describe(
        "One that this cluster has already: it carries out which models run, and nothing else of the platform.",
      ),
    models: z
      .strictObject({
        secret: objectName().default("slipway-environment").describe("Secret in the namespace of Argo CD."),
      })
      .prefault({})
      .describe(
        "How Argo CD reads from the platform itself which models run; where the platform is a component too.",
      ),
  })
  .superRefine(({ repository, branch, path, credentials, installed }, ctx) => {
    const own = Object.entries({ repository, branch, path, credentials }).filter(
      ([, value]) => value !== undefined,
    );
    const isRight = installed === undefined ? repository && path : own.length === 0;
    if (!isRight)
      complain(
        ctx,
        "is either installed already, or has a repository and a path to deliver the platform from",
        {
          rule: "one-of",
          allowed: "repository and path, or installed",
        },
      );
  });
type Options = z.output<typeof options>;

/**
 * Argo CD, and the platform as an app of apps: one Application that delivers Argo CD and all others, in waves; all are
 * pruned and healed, since what should run is in the repository. A rollback is a commit there, or it would be undone.
 */
export const argoCd = defineComponent({
  name: "argoCd",
  summary: "Argo CD: keeps the cluster as the environment repository says.",
  options,
  excludes: ["flux"],
  locked: ["argo-cd"],
  publish: ({ platform, options }) => ({
    ...(options.installed === undefined && { delivery: factsOf(options) }),
    ...(Object.hasOwn(platform.components, "slipway") && { modelDelivery: modelFacts(options) }),
  }),
  render: ({ platform, options, facts }) => {
    const models = ofModels(platform, options, facts);
    if (options.installed !== undefined)
      return { objects: placed(FROM, models.objects), secrets: models.secrets };
    const { emits, paths, objects } = watch(WATCHED, facts.monitoring);
    return {
      objects: placed(FROM, [
        namespace(NAMESPACE, "restricted"),
        governingService(),
        project(platform, factsOf(options)),
        application("platform", "components/argoCd", 0, options),
        ...deliveredParts(platform, "argoCd").map(({ name, folder, wave }) =>
          application(name, folder, wave, options),
        ),
        // Their kind comes with a part that this Application itself waits for.
        ...objects.map((object) => inWave(object, LAST)),
        ...models.objects.map((object) => inWave(object, MODELS_LAST)),
      ]),
      charts: [manifests()],
      emits,
      paths,
      secrets: [
        ...(options.credentials === undefined
          ? []
          : [
              {
                namespace: NAMESPACE,
                name: options.credentials.secret,
                keys: ["url"],
                made: { how: "given" } as const,
                from: [...FROM, "credentials"],
              },
            ]),
        ...models.secrets,
        {
          namespace: NAMESPACE,
          name: "argocd-redis",
          keys: ["auth"],
          made: { how: "controller", by: "argocd-redis's init container" },
          from: FROM,
        },
      ],
      health: [
        {
          apiVersion: "apps/v1",
          kind: "StatefulSet",
          namespace: NAMESPACE,
          name: "argocd-application-controller",
          condition: "rolledOut",
        },
        ...["argocd-repo-server", "argocd-server", "argocd-redis"].map((name) => ({
          apiVersion: "apps/v1",
          kind: "Deployment",
          namespace: NAMESPACE,
          name,
          condition: "rolledOut",
        })),
      ],
    };
  },
});

/** Source: controller/metrics and server/metrics of Argo CD. */
const WATCHED: Watched[] = [
  {
    name: "argocd-application-controller",
    pods: { namespace: NAMESPACE, labels: { "app.kubernetes.io/name": "argocd-application-controller" } },
    port: "metrics",
    number: 8082,
    honorLabels: true,
    metrics: [
      ...families("gauge", [
        "argocd_app_info{namespace,name,project,autosync_enabled,repo,dest_server,dest_namespace,sync_status,health_status,operation}",
      ]),
      ...families("counter", ["argocd_app_sync_total{namespace,name,project,dest_server,phase,dry_run}"]),
      ...families("histogram", ["argocd_app_reconcile{namespace,dest_server}"]),
    ],
  },
];

const ASKS = (cpu: string, memory: string, limit: string) => ({
  resources: { requests: { cpu, memory }, limits: { memory: limit } },
});

/** Which parts of the release are left out: who signs in goes by our own platform, and nobody is told twice. */
const LEFT_OUT = ["dex-server", "notifications-controller"];

/**
 * Waves of Applications are waited for only when Argo CD is told how an Application is healthy, which it isn't since
 * 1.8. Source: its docs, "Argo CD App", health assessment.
 */
const APPLICATION_HEALTH = `hs = {}
hs.status = "Progressing"
hs.message = ""
if obj.status ~= nil and obj.status.health ~= nil then
  hs.status = obj.status.health.status
  if obj.status.health.message ~= nil then
    hs.message = obj.status.health.message
  end
end
return hs
`;

function manifests(): ChartUse {
  const everyPart = (name: string, kinds: readonly string[]) => kinds.map((kind) => `${kind}/argocd-${name}`);
  const values = {
    without: [
      ...LEFT_OUT.flatMap((name) => everyPart(name, ["ServiceAccount", "Role", "RoleBinding", "Deployment"])),
      ...LEFT_OUT.map((name) => `NetworkPolicy/argocd-${name}-network-policy`),
      "Service/argocd-dex-server",
      "Service/argocd-notifications-controller-metrics",
      "ConfigMap/argocd-notifications-cm",
      "Secret/argocd-notifications-secret",
    ],
    over: {
      "ConfigMap/argocd-cm": {
        data: {
          "resource.customizations.health.argoproj.io_Application": APPLICATION_HEALTH,
          // Labels of ours are on everything; its own way of telling what is its own must not be one of them.
          "application.resourceTrackingMethod": "annotation",
        },
      },
      // The gateway ends TLS; a second end behind it would redirect for ever.
      "ConfigMap/argocd-cmd-params-cm": { data: { "server.insecure": "true" } },
    },
    containers: {
      "argocd-application-controller/argocd-application-controller": {
        ...ASKS("250m", "512Mi", "2Gi"),
        // The release names none, and a monitor finds a port by its name alone.
        ports: [{ name: "metrics", containerPort: 8082 }],
      },
      "argocd-applicationset-controller/argocd-applicationset-controller": ASKS("20m", "64Mi", "256Mi"),
      "argocd-redis/redis": ASKS("20m", "64Mi", "256Mi"),
      "argocd-redis/secret-init": ASKS("10m", "32Mi", "128Mi"),
      "argocd-repo-server/argocd-repo-server": ASKS("50m", "128Mi", "1Gi"),
      "argocd-repo-server/copyutil": ASKS("10m", "32Mi", "128Mi"),
      "argocd-server/argocd-server": ASKS("50m", "128Mi", "512Mi"),
    },
  };
  return { row: "argo-cd", release: "argocd", namespace: NAMESPACE, values, from: FROM };
}

/** The release's StatefulSet names a Service that the release doesn't make. */
function governingService(): KubernetesObject {
  const name = "argocd-application-controller";
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: NAMESPACE },
    spec: {
      clusterIP: "None",
      selector: { "app.kubernetes.io/name": name },
      ports: [{ name: "metrics", port: 8082 }],
    },
  };
}

function project({ name }: Platform, { repository }: Pick<DeliveryFacts, "repository">): KubernetesObject {
  return {
    apiVersion: API,
    kind: "AppProject",
    metadata: { name: PROJECT, namespace: NAMESPACE },
    spec: {
      description: `The platform ${name}`,
      sourceRepos: [repository],
      destinations: [{ server: SERVER, namespace: "*" }],
      clusterResourceWhitelist: [{ group: "*", kind: "*" }],
    },
  };
}

/** After all that is delivered. */
const LAST = 9;
/** Nothing waits for models: Argo CD can read of them only once the platform runs, and somebody has made a token. */
const MODELS_LAST = 10;

function factsOf({ repository = "", branch = "main", path = "" }: Options): DeliveryFacts {
  return deliveryFacts("argo-cd", NAMESPACE, { repository, branch, path });
}

function modelFacts({ installed }: Options): ModelDeliveryFacts {
  const { namespace } = installed ?? { namespace: NAMESPACE };
  const labels = { "app.kubernetes.io/name": "argocd-repo-server" };
  return { namespace, application: MODELS, reader: { namespace, labels } };
}

/** What Argo CD needs to carry out which models run, where the platform is a component too. */
function ofModels(
  { namespace: home, tenants }: Platform,
  { models: { secret: name } }: Options,
  { tracking, modelDelivery, inference }: Partial<Facts>,
): { objects: KubernetesObject[]; secrets: SecretUse[] } {
  if (tracking === undefined || modelDelivery === undefined) return { objects: [], secrets: [] };
  const { namespace } = modelDelivery;
  const places = [namespaceOf(home), ...tenants.map((tenant) => namespaceOf(home, tenant.name))];
  const { url, account: control } = tracking;
  const isKserve = inference !== undefined;
  return {
    objects: modelsDelivery({ namespace, url, places, isKserve, control }),
    secrets: [{ namespace, name, keys: MODELS_KEYS, made: { how: "given" }, from: [...FROM, "models"] }],
  };
}

function inWave(object: KubernetesObject, wave: number): KubernetesObject {
  const { metadata } = object;
  const annotations = { ...metadata.annotations, "argocd.argoproj.io/sync-wave": String(wave) };
  return { ...object, metadata: { ...metadata, annotations } };
}

function application(name: string, folder: string, wave: number, options: Options): KubernetesObject {
  const { repository, branch, path } = factsOf(options);
  return {
    apiVersion: API,
    kind: "Application",
    metadata: { name, namespace: NAMESPACE, annotations: { "argocd.argoproj.io/sync-wave": String(wave) } },
    spec: {
      project: PROJECT,
      source: { repoURL: repository, targetRevision: branch, path: `${path}/${folder}` },
      destination: { server: SERVER },
      syncPolicy: {
        automated: { prune: true, selfHeal: true },
        syncOptions: [
          // Definitions are larger than the annotation of a client-side apply can be.
          "ServerSideApply=true",
          "RespectIgnoreDifferences=true",
          "PruneLast=true",
          "SkipDryRunOnMissingResource=true",
        ],
        retry: { limit: 10, backoff: { duration: "10s", factor: 2, maxDuration: "5m" } },
      },
    },
  };
}
