import type { BuiltInKind } from "./built-in-kinds.ts";

/** A kind that a component's definitions bring; only needed where its chart or its definitions can't be read. */
export type CustomKind = Pick<BuiltInKind, "apiVersion" | "kind" | "resource" | "scope"> & {
  /** Key under `components`. */
  component: string;
};

/** `resource` is the plural of the definition; cluster kinds are marked. Source: the projects' own definitions. */
const BY_COMPONENT: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  certManager: {
    "cert-manager.io/v1": [
      "Certificate/certificates",
      "CertificateRequest/certificaterequests",
      "Issuer/issuers",
      "ClusterIssuer/clusterissuers*",
    ],
    "acme.cert-manager.io/v1": ["Order/orders", "Challenge/challenges"],
  },
  argoWorkflows: {
    "argoproj.io/v1alpha1": [
      "Workflow/workflows",
      "WorkflowTemplate/workflowtemplates",
      "ClusterWorkflowTemplate/clusterworkflowtemplates*",
      "CronWorkflow/cronworkflows",
      "WorkflowTaskResult/workflowtaskresults",
      "WorkflowTaskSet/workflowtasksets",
      "WorkflowArtifactGCTask/workflowartifactgctasks",
      "WorkflowEventBinding/workfloweventbindings",
    ],
  },
  argoCd: {
    "argoproj.io/v1alpha1": [
      "Application/applications",
      "AppProject/appprojects",
      "ApplicationSet/applicationsets",
    ],
  },
  kserve: {
    "serving.kserve.io/v1beta1": ["InferenceService/inferenceservices"],
    "serving.kserve.io/v1alpha1": [
      "ServingRuntime/servingruntimes",
      "ClusterServingRuntime/clusterservingruntimes*",
      "InferenceGraph/inferencegraphs",
      "TrainedModel/trainedmodels",
      "ClusterStorageContainer/clusterstoragecontainers*",
    ],
  },
  prometheus: {
    "monitoring.coreos.com/v1": [
      "Prometheus/prometheuses",
      "Alertmanager/alertmanagers",
      "ServiceMonitor/servicemonitors",
      "PodMonitor/podmonitors",
      "PrometheusRule/prometheusrules",
      "Probe/probes",
      "ThanosRuler/thanosrulers",
    ],
    "monitoring.coreos.com/v1alpha1": [
      "AlertmanagerConfig/alertmanagerconfigs",
      "ScrapeConfig/scrapeconfigs",
      "PrometheusAgent/prometheusagents",
    ],
  },
  postgresql: {
    "postgresql.cnpg.io/v1": [
      "Cluster/clusters",
      "Backup/backups",
      "ScheduledBackup/scheduledbackups",
      "Pooler/poolers",
      "Database/databases",
      "ImageCatalog/imagecatalogs",
      "ClusterImageCatalog/clusterimagecatalogs*",
    ],
    "barmancloud.cnpg.io/v1": ["ObjectStore/objectstores"],
  },
  gateway: {
    "gateway.networking.k8s.io/v1": [
      "GatewayClass/gatewayclasses*",
      "Gateway/gateways",
      "HTTPRoute/httproutes",
      "GRPCRoute/grpcroutes",
      "BackendTLSPolicy/backendtlspolicies",
      "ReferenceGrant/referencegrants",
    ],
    "gateway.networking.k8s.io/v1beta1": ["ReferenceGrant/referencegrants"],
    "gateway.envoyproxy.io/v1alpha1": [
      "EnvoyProxy/envoyproxies",
      "ClientTrafficPolicy/clienttrafficpolicies",
      "BackendTrafficPolicy/backendtrafficpolicies",
      "SecurityPolicy/securitypolicies",
    ],
    "traefik.io/v1alpha1": ["Middleware/middlewares", "IngressRoute/ingressroutes", "TLSOption/tlsoptions"],
  },
  flux: {
    "source.toolkit.fluxcd.io/v1": [
      "GitRepository/gitrepositories",
      "HelmRepository/helmrepositories",
      "OCIRepository/ocirepositories",
      "Bucket/buckets",
      "HelmChart/helmcharts",
    ],
    "kustomize.toolkit.fluxcd.io/v1": ["Kustomization/kustomizations"],
    "helm.toolkit.fluxcd.io/v2": ["HelmRelease/helmreleases"],
    "notification.toolkit.fluxcd.io/v1": ["Receiver/receivers"],
  },
};

export const CUSTOM_KINDS: readonly CustomKind[] = Object.entries(BY_COMPONENT).flatMap(
  ([component, versions]) =>
    Object.entries(versions).flatMap(([apiVersion, kinds]) =>
      kinds.map((row): CustomKind => {
        const [kind = "", resource = ""] = row.split("/");
        const scope = resource.endsWith("*") ? "cluster" : "namespace";
        return { component, apiVersion, kind, resource: resource.replace("*", ""), scope };
      }),
    ),
);
