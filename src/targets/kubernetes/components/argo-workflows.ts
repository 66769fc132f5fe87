import { z } from "zod";
import { complain, duration, label } from "../../../spec/fields.ts";
import type { AccessUse } from "../component.ts";
import { defineComponent } from "../component.ts";
import type { LockEntry } from "../lock.ts";
import type { KubernetesObject } from "../object.ts";
import { toYaml } from "../render/yaml.ts";
import { accountWith, clusterAccess, localAccess } from "./parts/access.ts";
import { CONFINED, namespace, placed } from "./parts/place.ts";
import { families, watch } from "./parts/watch.ts";
import type { Watched } from "./parts/watch.ts";

const FROM = ["components", "argoWorkflows"] as const;
const NAMESPACE = "argo";
const LABELS = { "app.kubernetes.io/name": "workflow-controller" };
const ACCOUNT = { namespace: NAMESPACE, name: "workflow-controller" };
const CONFIG = "workflow-controller-configmap";
const DAY = 86_400_000;

const PARALLELISM = 100;
const PER_NAMESPACE = 20;
const KEEP_MS = 7 * DAY;

const workflows = () => z.int().min(1).max(10_000);

const options = z
  .strictObject({
    parallelism: workflows()
      .exactOptional()
      .describe(`Workflows at once, in all namespaces; default ${PARALLELISM}.`),
    perNamespace: workflows()
      .exactOptional()
      .describe(`Workflows at once in one namespace; default ${PER_NAMESPACE}.`),
    keep: duration({ min: 60_000, max: 365 * DAY })
      .exactOptional()
      .describe("How long an ended workflow stays, since without an end they fill etcd; default 168h."),
    installed: z
      .strictObject({
        namespace: label().default(NAMESPACE).describe("Where its controller runs."),
        labels: z.record(z.string(), z.string()).default(LABELS).describe("Of the controller's pods."),
      })
      .exactOptional()
      .describe("One that this cluster has already, for all namespaces: nothing of it is made."),
  })
  .superRefine(({ installed, ...own }, ctx) => {
    const said = Object.keys(own);
    if (installed !== undefined && said.length > 0)
      complain(ctx, `says ${said.join(", ")} of a controller that is installed already`, {
        rule: "one-of",
        allowed: "installed alone, or these without it",
      });
  });

/**
 * The controller of Argo Workflows as our own objects: no server and no console of its own, since a pipeline's runs
 * are looked at in ours. Its definitions are read from the release.
 */
export const argoWorkflows = defineComponent({
  name: "argoWorkflows",
  summary: "Argo Workflows, ours or yours: runs the steps of pipelines as pods.",
  options,
  locked: ["argo-workflows-definitions", "argo-workflows-controller", "argo-workflows-executor"],
  publish: ({ options: { installed } }) => {
    const { namespace, labels } = installed ?? { namespace: NAMESPACE, labels: LABELS };
    return { workflows: { namespace, controller: { namespace, labels: { ...labels } } } };
  },
  render: ({ options, facts, locked }) => {
    if (options.installed !== undefined) return { objects: [] };
    const { emits, paths, objects } = watch([WATCHED], facts.monitoring);
    return {
      objects: placed(FROM, [
        namespace(NAMESPACE, "restricted"),
        ...accountWith(ACCOUNT, "slipway-workflow-controller", ACCESS),
        priorityClass(),
        config(options),
        deployment(locked("argo-workflows-controller"), locked("argo-workflows-executor")),
        ...objects,
      ]),
      charts: [
        { row: "argo-workflows-definitions", release: "argo", namespace: NAMESPACE, values: {}, from: FROM },
      ],
      emits,
      paths: [
        ...paths,
        {
          from: { kind: "pods", pods: WATCHED.pods },
          to: { kind: "dns" },
          port: 53,
          protocol: "UDP",
          why: "names",
        },
      ],
      access: ACCESS,
      health: [{ apiVersion: "apps/v1", kind: "Deployment", ...ACCOUNT, condition: "rolledOut" }],
    };
  },
});

/** Source: manifests/cluster-install-no-crds/workflow-controller-rbac of Argo Workflows. */
const ACCESS: AccessUse[] = [
  ...clusterAccess(ACCOUNT, [
    ["create get list watch update patch delete", "", "pods", "run the steps of a workflow"],
    ["create", "", "pods/exec", "stop a step's containers"],
    ["get list watch", "", "configmaps namespaces", "read parameters and limits"],
    [
      "create update delete get",
      "",
      "persistentvolumeclaims persistentvolumeclaims/finalizers",
      "volumes of a workflow",
    ],
    [
      "get list watch update patch delete create",
      "argoproj.io",
      "workflows workflows/finalizers workflowtasksets workflowtasksets/finalizers workflowartifactgctasks",
      "see workflows through",
    ],
    [
      "get list watch",
      "argoproj.io",
      "workflowtemplates workflowtemplates/finalizers clusterworkflowtemplates clusterworkflowtemplates/finalizers",
      "read the templates that workflows name",
    ],
    ["list watch deletecollection", "argoproj.io", "workflowtaskresults", "learn what became of a step"],
    [
      "get list watch update patch delete",
      "argoproj.io",
      "cronworkflows cronworkflows/finalizers",
      "start workflows by the clock",
    ],
    ["get list", "", "serviceaccounts", "find the account of a workflow"],
    ["create patch", "", "events", "tell what happened"],
    ["create get delete", "policy", "poddisruptionbudgets", "keep a workflow's pods where it asks for that"],
  ]),
  ...localAccess(ACCOUNT, NAMESPACE, [
    ["create get update", "coordination.k8s.io", "leases", "elect the one that works"],
  ]),
];

/** Names have the prefix `argo_workflows_`. Source: docs/metrics.md of Argo Workflows. */
const WATCHED: Watched = {
  name: "workflow-controller",
  pods: { namespace: NAMESPACE, labels: { ...LABELS } },
  port: "metrics",
  number: 9090,
  metrics: [
    ...families("gauge", [
      "argo_workflows_gauge{phase}",
      "argo_workflows_pods_gauge{phase}",
      "argo_workflows_queue_depth_gauge{queue_name}",
      "argo_workflows_is_leader",
    ]),
    ...families("counter", [
      "argo_workflows_error_count{cause}",
      "argo_workflows_total_count{phase,namespace}",
      "argo_workflows_k8s_request_total{kind,verb,status_code}",
    ]),
    ...families("histogram", ["argo_workflows_operation_duration_seconds"]),
  ],
};

function priorityClass(): KubernetesObject {
  return {
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name: "workflow-controller" },
    value: 1_000_000,
    description: "The controller of workflows goes before the steps that it starts.",
  };
}

function config({
  parallelism = PARALLELISM,
  perNamespace = PER_NAMESPACE,
  keep = KEEP_MS,
}: z.output<typeof options>): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: CONFIG, namespace: NAMESPACE },
    data: {
      parallelism: String(parallelism),
      namespaceParallelism: String(perNamespace),
      // It speaks TLS with a certificate of its own making unless it is told not to, and nobody can scrape that.
      metricsConfig: toYaml({ enabled: true, path: "/metrics", port: 9090, secure: false }),
      executor: toYaml({
        resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "256Mi" } },
        securityContext: CONFINED,
      }),
      workflowDefaults: toYaml({
        spec: {
          ttlStrategy: { secondsAfterCompletion: Math.round(keep / 1000) },
          podGC: { strategy: "OnWorkflowCompletion", deleteDelayDuration: "600s" },
          securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
        },
      }),
    },
  };
}

function deployment(controller: LockEntry, executor: LockEntry): KubernetesObject {
  const image = ({ source, version }: LockEntry) => `${source}:${version}`;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { ...ACCOUNT, labels: { ...LABELS } },
    spec: {
      replicas: 2,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: { ...LABELS } },
        spec: {
          priorityClassName: "workflow-controller",
          serviceAccountName: ACCOUNT.name,
          nodeSelector: { "kubernetes.io/os": "linux" },
          securityContext: { runAsNonRoot: true },
          containers: [
            {
              name: "workflow-controller",
              image: image(controller),
              command: ["workflow-controller"],
              args: ["--configmap", CONFIG, "--executor-image", image(executor)],
              env: [
                {
                  name: "LEADER_ELECTION_IDENTITY",
                  valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } },
                },
                // Between two looks at a workflow, and so between a step's end and the next one's pod: 10 s by default.
                { name: "DEFAULT_REQUEUE_TIME", value: "2s" },
              ],
              ports: [
                { name: "metrics", containerPort: 9090 },
                { name: "health", containerPort: 6060 },
              ],
              resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "1Gi" } },
              securityContext: CONFINED,
              livenessProbe: {
                httpGet: { path: "/healthz", port: "health" },
                initialDelaySeconds: 90,
                periodSeconds: 60,
                timeoutSeconds: 30,
                failureThreshold: 3,
              },
            },
          ],
        },
      },
    },
  };
}
