import type { Platform } from "../../../../spec/platform/platform.ts";
import type { KubernetesObject } from "../../object.ts";
import { CONFINED } from "../parts/place.ts";
import { CONFIG, CONFIG_FILE } from "./configuration.ts";
import type { Needed } from "./needed.ts";
import type { SlipwayOptions } from "./options.ts";
import { ADMIN_PORT, ADMIN_PORT_NAME, GRPC_PORT, PORTS, PORT_NAME, accountOf, labelsOf } from "./roles.ts";
import type { Role } from "./roles.ts";
import { ADMIN, INTERNAL, secretVariable } from "./secrets.ts";

/** Of the image: nobody's, so that the restricted standard takes it. */
const USER = 10_001;
const DATA = "/var/lib/slipway";
const SETTINGS = "/etc/slipway";

/**
 * Control, as a StatefulSet: each replica has a volume of its own with one writer. The one that leads, as the database says,
 * takes pushes; a follower that takes over brings its copy up to the mirror in the object store first.
 */
export function control(platform: Platform, options: SlipwayOptions, needed: Needed): KubernetesObject {
  const { namespace } = platform;
  const { control: own, replicas } = options;
  const { storage, storageClass } = own;
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "control", namespace, labels: labelsOf("control") },
    spec: {
      serviceName: "control",
      replicas,
      podManagementPolicy: "Parallel",
      selector: { matchLabels: labelsOf("control") },
      template: podTemplate(
        namespace,
        "control",
        {
          ...container("control", needed.image, own),
          env: [
            { name: "SLIPWAY_IDENTITY", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
            {
              name: "SLIPWAY_ADDRESS",
              value: `$(SLIPWAY_IDENTITY).control.${namespace}.svc:${PORTS.control}`,
            },
            { name: "SLIPWAY_NAMESPACE", value: namespace },
            { name: "SLIPWAY_SERVE", value: `serve.${namespace}.svc:${ADMIN_PORT}` },
            { name: "SLIPWAY_PREDICTIONS", value: `slipway.${namespace}.svc:${PORTS.serve}` },
            { name: "SLIPWAY_URL", value: `http://slipway.${namespace}.svc:${PORTS.serve}` },
            { name: "SLIPWAY_PLATFORM_FILE", value: `${SETTINGS}/${CONFIG_FILE}` },
            { name: "SLIPWAY_WORKER_IMAGE", value: needed.image },
            ...(needed.hasWorkflows ? [{ name: "SLIPWAY_STEP_IMAGE", value: needed.image }] : []),
            ...gitOpsVariables(needed),
            ...(needed.hasKserve ? [{ name: "SLIPWAY_VARIANTS", value: "kserve" }] : []),
            ...gatewayVariables(platform, options, needed),
            ...(needed.url === undefined ? [] : [{ name: "SLIPWAY_PUBLIC_URL", value: needed.url }]),
            ...sharedVariables(platform, options, needed),
            ...storeVariables(needed),
          ],
          volumeMounts: [
            { name: "data", mountPath: DATA },
            { name: "settings", mountPath: SETTINGS, readOnly: true },
            { name: "tmp", mountPath: "/tmp" },
          ],
        },
        [{ name: "settings", configMap: { name: CONFIG } }],
      ),
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: {
            accessModes: ["ReadWriteOnce"],
            ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
            resources: { requests: { storage } },
          },
        },
      ],
    },
  };
}

/** Serve: no right, and no volume that outlives it; it works from the last weights that control gave it. */
export function serve(platform: Platform, options: SlipwayOptions, needed: Needed): KubernetesObject {
  const { namespace } = platform;
  return deployment(
    namespace,
    "serve",
    {
      ...container("serve", needed.image, options.serve),
      env: [
        { name: "SLIPWAY_CONTROL", value: `control.${namespace}.svc:${PORTS.control}` },
        ...sharedVariables(platform, options, needed),
      ],
      volumeMounts: [
        { name: "data", mountPath: DATA },
        { name: "tmp", mountPath: "/tmp" },
      ],
    },
    // Outlives a container that ends: it is back at once, with the same weights.
    [{ name: "data", emptyDir: { sizeLimit: "2Gi" } }],
  );
}

/** The one address is serve's. The others are headless: each of their pods is found by name, also before it is ready. */
export function services(namespace: string): KubernetesObject[] {
  const service = (
    name: string,
    role: Role,
    ports: readonly object[],
    more: object = {},
  ): KubernetesObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, labels: labelsOf(role) },
    spec: { ...more, selector: labelsOf(role), ports },
  });
  const port = (name: string, number: number): object => ({ name, port: number, targetPort: name });
  // A follower that catches up isn't ready, nor a serve that hasn't been told everything; both must be found for that.
  const headless = { clusterIP: "None", publishNotReadyAddresses: true };
  return [
    service("slipway", "serve", [port(PORT_NAME, PORTS.serve), port("grpc", GRPC_PORT)]),
    service("control", "control", [port(PORT_NAME, PORTS.control)], headless),
    service("serve", "serve", [port(ADMIN_PORT_NAME, ADMIN_PORT)], headless),
  ];
}

/** A node that is emptied takes one pod of a role at a time; of a single one it would wait for ever. */
export function disruptionBudgets(namespace: string, options: SlipwayOptions): KubernetesObject[] {
  const several: [Role, number][] = [
    ["control", options.replicas],
    ["serve", options.serve.min],
  ];
  return several
    .filter(([, replicas]) => replicas > 1)
    .map(([role]) => ({
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: role, namespace },
      spec: { maxUnavailable: 1, selector: { matchLabels: labelsOf(role) } },
    }));
}

export function autoscaler(
  namespace: string,
  role: "serve",
  { min, max }: { min: number; max: number },
): KubernetesObject {
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: role, namespace },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: role },
      minReplicas: min,
      maxReplicas: Math.max(min, max),
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } },
        },
      ],
    },
  };
}

/** What control and serve are told alike. */
function sharedVariables(
  { namespace, domain }: Platform,
  { host }: SlipwayOptions,
  { url }: Needed,
): object[] {
  const own = `${host}.${domain}`;
  const named = url === undefined ? own : new URL(url).hostname;
  const names = [
    ...new Set([own, named]),
    ...["", ".svc", ".svc.cluster.local"].map((end) => `slipway.${namespace}${end}`),
  ];
  return [
    { name: "SLIPWAY_HOSTS", value: names.join(",") },
    secretVariable("SLIPWAY_INTERNAL_TOKEN", INTERNAL),
    secretVariable("SLIPWAY_ADMIN_TOKEN", ADMIN),
  ];
}

function gitOpsVariables({ application }: Needed): object[] {
  if (application === undefined) return [];
  return [
    { name: "SLIPWAY_GITOPS", value: "argocd" },
    { name: "SLIPWAY_GITOPS_APPLICATION", value: application },
  ];
}

function gatewayVariables({ domain }: Platform, { host }: SlipwayOptions, { gateway }: Needed): object[] {
  if (gateway === undefined) return [];
  const { namespace, name, listener, door } = gateway;
  return [
    { name: "SLIPWAY_ROUTING", value: "gateway" },
    { name: "SLIPWAY_GATEWAY", value: `${namespace}/${name}/${listener}` },
    { name: "SLIPWAY_GATEWAY_HOST", value: `${host}.${domain}` },
    { name: "SLIPWAY_GATEWAY_URL", value: door.url },
  ];
}

function storeVariables({ database, store }: Needed): object[] {
  return [
    secretVariable("SLIPWAY_STORE", database.url),
    { name: "SLIPWAY_ARTIFACTS", value: `s3://${store.bucket}/artifacts` },
    { name: "SLIPWAY_GIT_MIRROR", value: `s3://${store.bucket}/git` },
    { name: "SLIPWAY_ARTIFACTS_ENDPOINT", value: store.endpoint },
    { name: "SLIPWAY_ARTIFACTS_REGION", value: store.region },
    ...(store.direct ? [] : [{ name: "SLIPWAY_ARTIFACTS_PROXIED", value: "true" }]),
    secretVariable("AWS_ACCESS_KEY_ID", store.accessKeyId),
    secretVariable("AWS_SECRET_ACCESS_KEY", store.secretAccessKey),
  ];
}

function container(role: Role, image: string, { cpu, memory }: { cpu: string; memory: string }) {
  const isServe = role === "serve";
  // Of the process itself: serve's public port says how the services are.
  const probe = (path: string) => ({ httpGet: { path, port: isServe ? ADMIN_PORT_NAME : PORT_NAME } });
  return {
    name: role,
    image,
    args: [`--role=${role}`],
    ports: [
      { name: PORT_NAME, containerPort: PORTS[role] },
      ...(isServe
        ? [
            { name: "grpc", containerPort: GRPC_PORT },
            { name: ADMIN_PORT_NAME, containerPort: ADMIN_PORT },
          ]
        : []),
    ],
    resources: { requests: { cpu, memory }, limits: { memory } },
    securityContext: CONFINED,
    startupProbe: { ...probe("/health"), periodSeconds: 2, failureThreshold: 60 },
    // A node that is busy is slow to answer, which isn't a reason to end what runs on it.
    livenessProbe: { ...probe("/health"), periodSeconds: 10, failureThreshold: 3, timeoutSeconds: 5 },
    readinessProbe: { ...probe("/ready"), periodSeconds: 2, failureThreshold: 2, timeoutSeconds: 2 },
  };
}

function deployment(
  namespace: string,
  role: Role,
  container: object,
  volumes: readonly object[],
): KubernetesObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: role, namespace, labels: labelsOf(role) },
    // How many is the autoscaler's to say: a number here would undo it with every apply.
    spec: {
      selector: { matchLabels: labelsOf(role) },
      template: podTemplate(namespace, role, container, volumes),
    },
  };
}

function podTemplate(namespace: string, role: Role, container: object, volumes: readonly object[]): object {
  return {
    metadata: { labels: labelsOf(role) },
    spec: {
      serviceAccountName: accountOf(namespace, role).name,
      ...(role === "control" ? {} : { automountServiceAccountToken: false }),
      terminationGracePeriodSeconds: 30,
      // The Service `slipway` would set SLIPWAY_PORT, which is a setting of ours, in every pod beside it.
      enableServiceLinks: false,
      securityContext: { runAsUser: USER, runAsGroup: USER, fsGroup: USER },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "kubernetes.io/hostname",
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: labelsOf(role) },
        },
      ],
      containers: [container],
      volumes: [...volumes, { name: "tmp", emptyDir: { sizeLimit: "1Gi" } }],
    },
  };
}
