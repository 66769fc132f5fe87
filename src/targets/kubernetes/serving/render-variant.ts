import { CONFINED } from "../components/parts/place.ts";
import { ADMIN_PORT, ADMIN_PORT_NAME } from "../components/slipway/roles.ts";
import type { KubernetesObject } from "../object.ts";
import { SERVING } from "../tenants/accounts.ts";
import {
  DOOR_PORT_NAME,
  FRAMES_PORT,
  HTTP_PORT,
  HTTP_PORT_NAME,
  MANAGED_BY,
  MANAGER,
  RECORD,
  SERVICE_LABEL,
  VARIANT_LABEL,
  VERSION_LABEL,
  WORKER_SECRET,
  kserveDeployment,
  serviceLabel,
  variantName,
} from "./names.ts";
import { fewestPods, mostPods } from "./variant.ts";
import type { PodVariant } from "./variant.ts";

export interface VariantPlace {
  namespace: string;
  /** Of the platform itself: the same program in another role. */
  image: string;
  /** Where pods reach the platform, as in `http://slipway.slipway.svc:4600`. */
  url: string;
  /** A variant is KServe's where that is installed. */
  isKserve: boolean;
  /** A gateway sends callers' requests to its pods. */
  isBehindGateway?: boolean;
  /** It has no pods while nobody asks: control says when. */
  mayHaveNone?: boolean;
  /** Default: the cluster's own, by the image's tag. */
  pullPolicy?: string;
}

/** Of the image: nobody's, so that the restricted standard takes it. */
const USER = 10_001;
const CACHE = "/var/cache/slipway";
/** Cores that a pod asks for whose project states none: it may use what is free, and small models fit onto small nodes. */
const DEFAULT_CPU = 0.25;
const DEFAULT_MEMORY_BYTES = 1024 ** 3;
/** Beyond the model's own limit: the process that watches it. */
const OVERHEAD_BYTES = 128 * 1024 ** 2;
/** The stand-in for a pod is ready before that pod goes. */
const STRATEGY = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
/** A model in Python may take that long to get its environment: seconds between looks, times looks. */
const STARTUP = { periodSeconds: 2, failureThreshold: 900 };

/** A variant's objects: what runs its pods, a headless Service that names them, and what scales them. */
export function renderVariant(variant: PodVariant, place: VariantPlace): KubernetesObject[] {
  const name = variantName(variant);
  const { namespace } = place;
  const labels = labelsOf(variant);
  const isScaled = mostPods(variant) > fewestPods(variant);
  const isCounted = isScaled || place.mayHaveNone === true;
  const record = { [RECORD]: JSON.stringify(variant) };
  const scaler = isScaled ? [autoscaler(variant, place)] : [];
  if (place.isKserve)
    return [recordOf(variant, namespace, record), inferenceService(variant, place), ...scaler];
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace, labels, annotations: record },
      spec: {
        // How many is the autoscaler's to say, or control's: a number here would undo it with every apply.
        ...(isCounted ? {} : { replicas: fewestPods(variant) }),
        revisionHistoryLimit: 1,
        strategy: STRATEGY,
        selector: { matchLabels: { [VARIANT_LABEL]: name } },
        template: { metadata: { labels }, spec: podSpec(variant, place) },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace, labels },
      spec: {
        clusterIP: "None",
        selector: { [VARIANT_LABEL]: name },
        ports: [
          { name: HTTP_PORT_NAME, port: HTTP_PORT, targetPort: httpPortOf(place) },
          { name: "frames", port: FRAMES_PORT, targetPort: "frames" },
        ],
      },
    },
    ...scaler,
  ];
}

export function labelsOf(variant: PodVariant): Record<string, string> {
  return {
    [MANAGED_BY]: MANAGER,
    [VARIANT_LABEL]: variantName(variant),
    [SERVICE_LABEL]: serviceLabel(variant.service),
    [VERSION_LABEL]: String(variant.version),
  };
}

function httpPortOf({ isBehindGateway = false }: Pick<VariantPlace, "isBehindGateway">): string {
  return isBehindGateway ? DOOR_PORT_NAME : HTTP_PORT_NAME;
}

/** What KServe's is made of, beside it: KServe writes a service's annotations onto its pods, and each change would replace them. */
function recordOf(
  variant: PodVariant,
  namespace: string,
  annotations: Record<string, string>,
): KubernetesObject {
  const metadata = { name: variantName(variant), namespace, labels: labelsOf(variant), annotations };
  return { apiVersion: "v1", kind: "ConfigMap", metadata };
}

/** A Deployment and a Service are KServe's to make; how many pods there are, our autoscaler's or its own fixed number. */
function inferenceService(variant: PodVariant, place: VariantPlace): KubernetesObject {
  const isScaled = mostPods(variant) > fewestPods(variant);
  return {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: {
      name: variantName(variant),
      namespace: place.namespace,
      labels: labelsOf(variant),
      annotations: {
        "serving.kserve.io/deploymentMode": "Standard",
        // Its own autoscaler can't be told when to go down again.
        "serving.kserve.io/autoscalerClass": isScaled ? "external" : "none",
      },
    },
    spec: {
      predictor: {
        minReplicas: fewestPods(variant),
        maxReplicas: mostPods(variant),
        deploymentStrategy: STRATEGY,
        ...podSpec(variant, place),
      },
    },
  };
}

/** What the container of its pods is called: KServe looks for one of that name. */
export function containerOf({ isKserve }: Pick<VariantPlace, "isKserve">): string {
  return isKserve ? "kserve-container" : "model";
}

function podSpec(variant: PodVariant, place: VariantPlace): object {
  return {
    serviceAccountName: SERVING,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 40,
    securityContext: {
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: { [VARIANT_LABEL]: variantName(variant) } },
      },
    ],
    containers: [
      {
        name: containerOf(place),
        image: place.image,
        ...(place.pullPolicy && { imagePullPolicy: place.pullPolicy }),
        ...serverOf(variant, place),
      },
    ],
    volumes: [
      { name: "cache", emptyDir: { sizeLimit: "10Gi" } },
      { name: "tmp", emptyDir: { sizeLimit: "1Gi" } },
    ],
  };
}

function serverOf(variant: PodVariant, { url, isKserve, isBehindGateway = false }: VariantPlace): object {
  const { service, version, tenant, format, digest, cpu = DEFAULT_CPU } = variant;
  const memoryBytes = variant.memoryBytes ?? DEFAULT_MEMORY_BYTES;
  const value = (name: string, text: string | number) => ({ name, value: String(text) });
  const http = httpPortOf({ isBehindGateway });
  const probe = (path: string) => ({ httpGet: { path, port: http } });
  const memory = String(memoryBytes + OVERHEAD_BYTES);
  const threads = Math.max(1, Math.ceil(cpu));
  // A container without a limit gets KServe's own, of one core, below which what a model asks for may not lie.
  const limits = { memory, ...(isKserve && { cpu: String(threads + 1) }) };
  return {
    args: ["--role=worker"],
    ports: [
      { name: http, containerPort: HTTP_PORT },
      { name: "frames", containerPort: FRAMES_PORT },
      ...(isBehindGateway ? [{ name: ADMIN_PORT_NAME, containerPort: ADMIN_PORT }] : []),
    ],
    env: [
      ...(isBehindGateway ? [value("SLIPWAY_ROUTING", "gateway")] : []),
      value("SLIPWAY_SERVICE", service),
      value("SLIPWAY_VERSION", version),
      value("SLIPWAY_TENANT", tenant),
      value("SLIPWAY_MODEL_FORMAT", format),
      value("SLIPWAY_MODEL_DIGEST", digest),
      value("SLIPWAY_MEMORY_BYTES", memoryBytes),
      value("SLIPWAY_THREADS", threads),
      value("SLIPWAY_URL", url),
      value("SLIPWAY_CACHE", CACHE),
      value("HOME", "/tmp"),
      { name: "SLIPWAY_WORKER_TOKEN", valueFrom: { secretKeyRef: { name: WORKER_SECRET, key: "token" } } },
    ],
    resources: { requests: { cpu: `${Math.round(cpu * 1000)}m`, memory }, limits },
    securityContext: CONFINED,
    terminationMessagePolicy: "FallbackToLogsOnError",
    startupProbe: { ...probe("/ready"), ...STARTUP },
    livenessProbe: { ...probe("/health"), periodSeconds: 10, failureThreshold: 3, timeoutSeconds: 5 },
    readinessProbe: { ...probe("/ready"), periodSeconds: 2, failureThreshold: 2, timeoutSeconds: 2 },
    volumeMounts: [
      { name: "cache", mountPath: CACHE },
      { name: "tmp", mountPath: "/tmp" },
    ],
  };
}

/** By processor: what a pod does at once can't be measured by every cluster. It falls slower than it rises. */
function autoscaler(variant: PodVariant, { namespace, isKserve }: VariantPlace): KubernetesObject {
  const name = variantName(variant);
  const deployment = isKserve ? kserveDeployment(variant) : name;
  const idle = Math.round((variant.scale?.idleMs ?? 300_000) / 1_000);
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name, namespace, labels: labelsOf(variant) },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: deployment },
      minReplicas: fewestPods(variant),
      maxReplicas: mostPods(variant),
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 60 } },
        },
      ],
      behavior: { scaleDown: { stabilizationWindowSeconds: Math.min(3_600, Math.max(0, idle)) } },
    },
  };
}
