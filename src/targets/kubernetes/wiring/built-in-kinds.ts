/**
 * Kinds that the API server serves by itself, in the versions that are on without being asked for (no alpha, no beta).
 * Source: api/discovery/aggregated_v2.json and the lifecycle annotations of k8s.io/api in Kubernetes 1.36.3. `since` is
 * the minor version that brought a kind, where it is one that a platform may still be below; 0: before all of those.
 */
export interface BuiltInKind {
  apiVersion: string;
  kind: string;
  /** As RBAC names it. */
  resource: string;
  scope: "namespace" | "cluster";
  since: number;
  subresources: readonly string[];
}

/** Minor versions that the table was held against: beyond them it is taken for what is known. */
export const KNOWN_MINORS = { from: 33, to: 36 } as const;

type Row = readonly [
  apiVersion: string,
  kind: string,
  resource: string,
  scope: BuiltInKind["scope"],
  since: number,
  subresources?: readonly string[],
];

const ROWS: readonly Row[] = [
  ["v1", "Binding", "bindings", "namespace", 0],
  ["v1", "ConfigMap", "configmaps", "namespace", 0],
  ["v1", "Endpoints", "endpoints", "namespace", 0],
  ["v1", "Event", "events", "namespace", 0],
  ["v1", "LimitRange", "limitranges", "namespace", 0],
  ["v1", "Namespace", "namespaces", "cluster", 0, ["finalize", "status"]],
  ["v1", "Node", "nodes", "cluster", 0, ["proxy", "status"]],
  ["v1", "PersistentVolumeClaim", "persistentvolumeclaims", "namespace", 0, ["status"]],
  ["v1", "PersistentVolume", "persistentvolumes", "cluster", 0, ["status"]],
  [
    "v1",
    "Pod",
    "pods",
    "namespace",
    0,
    [
      "attach",
      "binding",
      "ephemeralcontainers",
      "eviction",
      "exec",
      "log",
      "portforward",
      "proxy",
      "resize",
      "status",
    ],
  ],
  ["v1", "PodTemplate", "podtemplates", "namespace", 0],
  ["v1", "ReplicationController", "replicationcontrollers", "namespace", 0, ["scale", "status"]],
  ["v1", "ResourceQuota", "resourcequotas", "namespace", 0, ["status"]],
  ["v1", "Secret", "secrets", "namespace", 0],
  ["v1", "ServiceAccount", "serviceaccounts", "namespace", 0, ["token"]],
  ["v1", "Service", "services", "namespace", 0, ["proxy", "status"]],
  ["apiregistration.k8s.io/v1", "APIService", "apiservices", "cluster", 0, ["status"]],
  ["apps/v1", "ControllerRevision", "controllerrevisions", "namespace", 0],
  ["apps/v1", "DaemonSet", "daemonsets", "namespace", 0, ["status"]],
  ["apps/v1", "Deployment", "deployments", "namespace", 0, ["scale", "status"]],
  ["apps/v1", "ReplicaSet", "replicasets", "namespace", 0, ["scale", "status"]],
  ["apps/v1", "StatefulSet", "statefulsets", "namespace", 0, ["scale", "status"]],
  ["events.k8s.io/v1", "Event", "events", "namespace", 0],
  ["authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", "cluster", 28],
  ["authentication.k8s.io/v1", "TokenReview", "tokenreviews", "cluster", 0],
  ["authorization.k8s.io/v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", "namespace", 0],
  ["authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", "cluster", 0],
  ["authorization.k8s.io/v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", "cluster", 0],
  ["authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews", "cluster", 0],
  ["autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "namespace", 0, ["status"]],
  ["autoscaling/v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "namespace", 0, ["status"]],
  ["batch/v1", "CronJob", "cronjobs", "namespace", 0, ["status"]],
  ["batch/v1", "Job", "jobs", "namespace", 0, ["status"]],
  [
    "certificates.k8s.io/v1",
    "CertificateSigningRequest",
    "certificatesigningrequests",
    "cluster",
    0,
    ["approval", "status"],
  ],
  ["networking.k8s.io/v1", "IngressClass", "ingressclasses", "cluster", 0],
  ["networking.k8s.io/v1", "Ingress", "ingresses", "namespace", 0, ["status"]],
  ["networking.k8s.io/v1", "IPAddress", "ipaddresses", "cluster", 33],
  ["networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", "namespace", 0],
  ["networking.k8s.io/v1", "ServiceCIDR", "servicecidrs", "cluster", 33, ["status"]],
  ["policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", "namespace", 0, ["status"]],
  ["rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", "cluster", 0],
  ["rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", "cluster", 0],
  ["rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", "namespace", 0],
  ["rbac.authorization.k8s.io/v1", "Role", "roles", "namespace", 0],
  ["storage.k8s.io/v1", "CSIDriver", "csidrivers", "cluster", 0],
  ["storage.k8s.io/v1", "CSINode", "csinodes", "cluster", 0],
  ["storage.k8s.io/v1", "CSIStorageCapacity", "csistoragecapacities", "namespace", 0],
  ["storage.k8s.io/v1", "StorageClass", "storageclasses", "cluster", 0],
  ["storage.k8s.io/v1", "VolumeAttachment", "volumeattachments", "cluster", 0, ["status"]],
  ["storage.k8s.io/v1", "VolumeAttributesClass", "volumeattributesclasses", "cluster", 34],
  ["admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies", "cluster", 36],
  [
    "admissionregistration.k8s.io/v1",
    "MutatingAdmissionPolicyBinding",
    "mutatingadmissionpolicybindings",
    "cluster",
    36,
  ],
  [
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    "cluster",
    0,
  ],
  [
    "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
    "cluster",
    30,
    ["status"],
  ],
  [
    "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    "cluster",
    30,
  ],
  [
    "admissionregistration.k8s.io/v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    "cluster",
    0,
  ],
  [
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    "cluster",
    0,
    ["status"],
  ],
  ["scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", "cluster", 0],
  ["coordination.k8s.io/v1", "Lease", "leases", "namespace", 0],
  ["node.k8s.io/v1", "RuntimeClass", "runtimeclasses", "cluster", 0],
  ["discovery.k8s.io/v1", "EndpointSlice", "endpointslices", "namespace", 0],
  ["resource.k8s.io/v1", "DeviceClass", "deviceclasses", "cluster", 34],
  ["resource.k8s.io/v1", "ResourceClaim", "resourceclaims", "namespace", 34, ["status"]],
  ["resource.k8s.io/v1", "ResourceClaimTemplate", "resourceclaimtemplates", "namespace", 34],
  ["resource.k8s.io/v1", "ResourceSlice", "resourceslices", "cluster", 34],
  ["flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "flowschemas", "cluster", 29, ["status"]],
  [
    "flowcontrol.apiserver.k8s.io/v1",
    "PriorityLevelConfiguration",
    "prioritylevelconfigurations",
    "cluster",
    29,
    ["status"],
  ],
];

export const BUILT_IN_KINDS: readonly BuiltInKind[] = ROWS.map(
  ([apiVersion, kind, resource, scope, since, subresources = []]) => ({
    apiVersion,
    kind,
    resource,
    scope,
    since,
    subresources,
  }),
);
