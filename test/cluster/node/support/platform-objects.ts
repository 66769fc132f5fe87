import { CONFINED } from "../../../../src/targets/kubernetes/components/parts/place.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { testImage } from "./pods.ts";

/** Where a platform's own parts are, and what they are told. */
export interface Installation {
  namespace: string;
  /** Of the one address, as callers of these tests name it. */
  hosts: string;
  replicas: { control: number; serve: number };
  secret: Record<string, string>;
  /** Of control alone. */
  store: Record<string, string>;
}

const SECRET = "slipway-internal";
const DATA = "/var/lib/slipway";

/** The namespace of the default tenant's workloads. */
export function tenantNamespace(namespace: string): string {
  return `${namespace}-default`;
}

/** Control and serve, each in several pods, behind one Service. */
export function platformObjects(given: Installation): KubernetesObject[] {
  const { namespace, replicas, secret } = given;
  return [
    object("v1", "Secret", namespace, SECRET, { stringData: secret }),
    object("v1", "ServiceAccount", namespace, "control", {}),
    ...access(namespace, "control-platform", namespace, [
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
    ]),
    ...tenantAccess(namespace),
    service(namespace, "control", [4610]),
    service(namespace, "serve", [4605]),
    object("apps/v1", "StatefulSet", namespace, "control", {
      spec: {
        serviceName: "control",
        replicas: replicas.control,
        podManagementPolicy: "Parallel",
        selector: { matchLabels: labelsOf("control") },
        template: podTemplate("control", 4610, control(given)),
        volumeClaimTemplates: [
          {
            metadata: { name: "data" },
            spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
          },
        ],
      },
    }),
    object("apps/v1", "Deployment", namespace, "serve", {
      spec: {
        replicas: replicas.serve,
        selector: { matchLabels: labelsOf("serve") },
        template: podTemplate("serve", 4600, serve(given), [{ name: "data", emptyDir: {} }]),
      },
    }),
  ];
}

/** Control finds serve's pods by them, as by those of the platform's own component. */
function labelsOf(role: string): Record<string, string> {
  return { "app.kubernetes.io/name": "slipway", "app.kubernetes.io/component": role };
}

/** The one address. */
export function publicService(namespace: string): KubernetesObject {
  const ports = [
    { name: "http", port: 4600 },
    { name: "grpc", port: 4601 },
  ];
  return object("v1", "Service", namespace, "slipway", { spec: { selector: labelsOf("serve"), ports } });
}

function control({ namespace, hosts, store }: Installation): object[] {
  const address = `http://slipway.${namespace}.svc:4600`;
  return [
    { name: "SLIPWAY_IDENTITY", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    ...plain({
      SLIPWAY_ADDRESS: `$(SLIPWAY_IDENTITY).control.${namespace}.svc:4610`,
      SLIPWAY_NAMESPACE: namespace,
      SLIPWAY_SERVE: `serve.${namespace}.svc:4605`,
      SLIPWAY_PREDICTIONS: `slipway.${namespace}.svc:4600`,
      SLIPWAY_URL: address,
      SLIPWAY_HOSTS: hosts,
      SLIPWAY_DATA: DATA,
      SLIPWAY_ENGINE: "argo",
      SLIPWAY_STEP_IMAGE: testImage(),
      SLIPWAY_WORKER_IMAGE: testImage(),
      ...store,
    }),
  ];
}

function serve({ namespace, hosts }: Installation): object[] {
  return plain({
    SLIPWAY_CONTROL: `control.${namespace}.svc:4610`,
    SLIPWAY_HOSTS: hosts,
    SLIPWAY_DATA: DATA,
  });
}

function plain(variables: Record<string, string>): object[] {
  return Object.entries(variables).map(([name, value]) => ({ name, value }));
}

function podTemplate(role: string, port: number, env: object[], volumes: object[] = []): object {
  const probe = (path: string) => ({ httpGet: { path, port } });
  return {
    metadata: { labels: labelsOf(role) },
    spec: {
      // A Service called slipway would set SLIPWAY_PORT in every pod of its namespace.
      enableServiceLinks: false,
      ...(role === "control" ? { serviceAccountName: role } : { automountServiceAccountToken: false }),
      securityContext: { runAsUser: 10_001, runAsGroup: 10_001, fsGroup: 10_001 },
      containers: [
        {
          name: role,
          image: testImage(),
          args: [`--role=${role}`],
          env,
          envFrom: [{ secretRef: { name: SECRET } }],
          ports: role === "serve" ? [{ name: "admin", containerPort: 4605 }] : [],
          securityContext: CONFINED,
          volumeMounts: [
            { name: "data", mountPath: DATA },
            { name: "tmp", mountPath: "/tmp" },
          ],
          startupProbe: { ...probe("/health"), periodSeconds: 1, failureThreshold: 120 },
          readinessProbe: { ...probe("/ready"), periodSeconds: 1, failureThreshold: 2 },
        },
      ],
      volumes: [...volumes, { name: "tmp", emptyDir: {} }],
    },
  };
}

/** A follower that isn't ready, and a serve that waits for its rules, must be found by the others. */
function service(namespace: string, role: string, ports: number[]): KubernetesObject {
  return object("v1", "Service", namespace, role, {
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: labelsOf(role),
      ports: ports.map((port) => ({ name: `p${port}`, port })),
    },
  });
}

/** What control does in the default tenant's namespace, and what its steps run as there. */
function tenantAccess(namespace: string): KubernetesObject[] {
  const tenant = tenantNamespace(namespace);
  const all = ["get", "list", "watch", "create", "update", "patch", "delete"];
  const rules = [
    { apiGroups: [""], resources: ["secrets", "services", "configmaps"], verbs: all },
    { apiGroups: [""], resources: ["pods", "pods/log", "events"], verbs: ["get", "list", "watch", "delete"] },
    { apiGroups: ["apps"], resources: ["deployments"], verbs: all },
    { apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: all },
    { apiGroups: ["argoproj.io"], resources: ["workflows"], verbs: all },
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
  ];
  return [
    ...["pipeline", "serving"].map((name) => object("v1", "ServiceAccount", tenant, name, {})),
    ...access(tenant, "control", namespace, rules),
  ];
}

/** Rights of control, whose account is in the platform's namespace, in this one. */
function access(namespace: string, name: string, platform: string, rules: object[]): KubernetesObject[] {
  const rbac = "rbac.authorization.k8s.io";
  return [
    object(`${rbac}/v1`, "Role", namespace, name, { rules }),
    object(`${rbac}/v1`, "RoleBinding", namespace, name, {
      roleRef: { apiGroup: rbac, kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name: "control", namespace: platform }],
    }),
  ];
}

function object(
  apiVersion: string,
  kind: string,
  namespace: string,
  name: string,
  rest: object,
): KubernetesObject {
  return { apiVersion, kind, metadata: { name, namespace }, ...rest };
}
