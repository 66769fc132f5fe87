import type { Platform } from "../../../../spec/platform/platform.ts";
import type { KubernetesObject } from "../../object.ts";
import { CONFINED } from "../parts/place.ts";
import { CONFIG } from "./configuration.ts";
import type { Needed } from "./needed.ts";
import type { SlipwayOptions } from "./options.ts";
import { LEASE, PORTS, PORT_NAME, accountOf, labelsOf } from "./roles.ts";
import type { Role } from "./roles.ts";

/** Of the image: nobody's, so that the restricted standard takes it. */
const USER = 10_001;
const DATA = "/var/lib/slipway";
const SETTINGS = "/etc/slipway";

/**
 * Control, as a StatefulSet: each replica has a volume of its own with one writer. The one that holds the lease takes
 * pushes; a follower that takes over brings its copy up to the mirror in the object store first.
 */
export function control(platform: Platform, options: SlipwayOptions, needed: Needed): KubernetesObject {
  const { namespace } = platform;
  const { control: own, replicas, host } = options;
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
            ...OWN_NAME,
            { name: "SLIPWAY_LEASE", value: LEASE },
            { name: "SLIPWAY_PUBLIC_HOST", value: `${host}.${platform.domain}` },
            { name: "SLIPWAY_WORKERS", value: address(namespace, "worker") },
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

/** Serve: no volume, no Secret, no right; it works from the last weights that control gave it. */
export function serve(
  { namespace }: Platform,
  { serve: own }: SlipwayOptions,
  image: string,
): KubernetesObject {
  return deployment(namespace, "serve", {
    ...container("serve", image, own),
    env: [
      { name: "SLIPWAY_CONTROL", value: address(namespace, "control") },
      { name: "SLIPWAY_WORKERS", value: address(namespace, "worker") },
    ],
    volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
  });
}

/** Workers: models of all tenants, so they hold no Secret and have no right. */
export function worker(
  { namespace }: Platform,
  { workers: own }: SlipwayOptions,
  image: string,
): KubernetesObject {
  return deployment(namespace, "worker", {
    ...container("worker", image, own),
    env: [{ name: "SLIPWAY_CONTROL", value: address(namespace, "control") }],
    volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
  });
}

/** The one address is serve's; the others are headless: each of their pods is asked by name. */
export function services(namespace: string): KubernetesObject[] {
  const service = (name: string, role: Role, more: object): KubernetesObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, labels: labelsOf(role) },
    spec: {
      ...more,
      selector: labelsOf(role),
      ports: [{ name: PORT_NAME, port: PORTS[role], targetPort: PORT_NAME }],
    },
  });
  // A follower that catches up isn't ready, and must be found by the others for that.
  const headless = { clusterIP: "None" };
  return [
    service("slipway", "serve", {}),
    service("control", "control", { ...headless, publishNotReadyAddresses: true }),
    service("worker", "worker", headless),
  ];
}

/** A node that is emptied takes one pod of a role at a time; of a single one it would wait for ever. */
export function disruptionBudgets(namespace: string, options: SlipwayOptions): KubernetesObject[] {
  const several: [Role, number][] = [
    ["control", options.replicas],
    ["serve", options.serve.min],
    ["worker", options.workers.min],
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
  role: "serve" | "worker",
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

function address(namespace: string, role: Role): string {
  return `http://${role}.${namespace}.svc:${PORTS[role]}`;
}

const OWN_NAME = [{ name: "SLIPWAY_IDENTITY", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }];

function storeVariables({ database, store }: Needed): object[] {
  const secret = (name: string, { name: holder, key }: { name: string; key: string }) => ({
    name,
    valueFrom: { secretKeyRef: { name: holder, key } },
  });
  return [
    secret("SLIPWAY_STORE", database.url),
    { name: "SLIPWAY_ARTIFACTS", value: `s3://${store.bucket}/artifacts` },
    { name: "SLIPWAY_GIT_MIRROR", value: `s3://${store.bucket}/git` },
    { name: "SLIPWAY_ARTIFACTS_ENDPOINT", value: store.endpoint },
    { name: "SLIPWAY_ARTIFACTS_REGION", value: store.region },
    secret("AWS_ACCESS_KEY_ID", store.accessKeyId),
    secret("AWS_SECRET_ACCESS_KEY", store.secretAccessKey),
  ];
}

function container(role: Role, image: string, { cpu, memory }: { cpu: string; memory: string }) {
  const probe = (path: string) => ({ httpGet: { path, port: PORT_NAME } });
  return {
    name: role,
    image,
    args: [`--role=${role}`],
    ports: [{ name: PORT_NAME, containerPort: PORTS[role] }],
    resources: { requests: { cpu, memory }, limits: { memory } },
    securityContext: CONFINED,
    // A control that rebuilds its repositories from the mirror takes its time before it answers.
    startupProbe: { ...probe("/health"), periodSeconds: 2, failureThreshold: 150 },
    livenessProbe: { ...probe("/health"), periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { ...probe("/ready"), periodSeconds: 5, failureThreshold: 2 },
  };
}

function deployment(namespace: string, role: Role, container: object): KubernetesObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: role, namespace, labels: labelsOf(role) },
    // How many is the autoscaler's to say: a number here would undo it with every apply.
    spec: { selector: { matchLabels: labelsOf(role) }, template: podTemplate(namespace, role, container) },
  };
}

function podTemplate(
  namespace: string,
  role: Role,
  container: object,
  volumes: readonly object[] = [],
): object {
  return {
    metadata: { labels: labelsOf(role) },
    spec: {
      serviceAccountName: accountOf(namespace, role).name,
      ...(role === "control" ? {} : { automountServiceAccountToken: false }),
      terminationGracePeriodSeconds: 30,
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
