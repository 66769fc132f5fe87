import { z } from "zod";
import type { Platform } from "../../../spec/platform/platform.ts";
import { defineComponent } from "../component.ts";
import type { ChartUse } from "../component.ts";
import type { KubernetesObject } from "../object.ts";
import { deliveredParts, deliveryFacts, deliveryOptions } from "./parts/delivery.ts";
import { namespace, placed } from "./parts/place.ts";
import { families, watch } from "./parts/watch.ts";
import type { Watched } from "./parts/watch.ts";

const FROM = ["components", "argoCd"] as const;
const NAMESPACE = "argocd";
const API = "argoproj.io/v1alpha1";
const PROJECT = "platform";
const SERVER = "https://kubernetes.default.svc";

const options = z.strictObject({ ...deliveryOptions });
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
  publish: ({ options }) => ({ delivery: deliveryFacts("argo-cd", NAMESPACE, options) }),
  render: ({ platform, options, facts }) => {
    const { emits, paths, objects } = watch(WATCHED, facts.monitoring);
    return {
      objects: placed(FROM, [
        namespace(NAMESPACE, "restricted"),
        governingService(),
        project(platform, options),
        application("platform", "components/argoCd", 0, options),
        ...deliveredParts(platform, "argoCd").map(({ name, folder, wave }) =>
          application(name, folder, wave, options),
        ),
        // Their kind comes with a part that this Application itself waits for.
        ...objects.map((object) => inWave(object, LAST)),
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

function project({ name }: Platform, { repository }: Options): KubernetesObject {
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

function inWave(object: KubernetesObject, wave: number): KubernetesObject {
  const { metadata } = object;
  const annotations = { ...metadata.annotations, "argocd.argoproj.io/sync-wave": String(wave) };
  return { ...object, metadata: { ...metadata, annotations } };
}

function application(name: string, folder: string, wave: number, options: Options): KubernetesObject {
  const { repository, branch, path } = deliveryFacts("argo-cd", NAMESPACE, options);
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
