import type { ContainerPort, Pod } from "../pod-template.ts";
import { groupOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";
import { Field } from "./field.ts";

/** What a controller makes out of an object, as its own documentation promises: nobody renders these. */
export interface Derived {
  pods: readonly Pod[];
  services: readonly ServicePorts[];
  secrets: readonly KeyHolder[];
  serviceAccounts: readonly { namespace: string; name: string }[];
}

export interface ServicePorts {
  namespace: string;
  name: string;
  ports: readonly { name?: string; port: number }[];
  labels?: Readonly<Record<string, string>>;
}

export interface KeyHolder {
  namespace: string;
  name: string;
  /** `any`: its maker doesn't say. */
  keys: readonly string[] | "any";
}

type Derive = (object: KubernetesObject, root: Field, namespace: string) => Partial<Derived>;

const BY_KIND: Readonly<Record<string, Derive>> = {
  "Certificate.cert-manager.io": (_, root, namespace) => ({
    secrets: secret(namespace, root.at("spec", "secretName").text, certificateKeys(root)),
  }),
  "Issuer.cert-manager.io": (_, root, namespace) => accountKey(root, namespace),
  "ClusterIssuer.cert-manager.io": (_, root) => accountKey(root, "cert-manager"),
  "Gateway.gateway.networking.k8s.io": (object, root, namespace) => ({
    secrets: makesCertificates(object)
      ? root
          .at("spec", "listeners")
          .items.flatMap((listener) => listener.at("tls", "certificateRefs").items)
          .flatMap((one) => secret(one.at("namespace").text ?? namespace, one.at("name").text, CERTIFICATE))
      : [],
  }),
  "Ingress.networking.k8s.io": (object, root, namespace) => ({
    secrets: makesCertificates(object)
      ? root
          .at("spec", "tls")
          .items.flatMap((tls) => secret(namespace, tls.at("secretName").text, CERTIFICATE))
      : [],
  }),
  "ExternalSecret.external-secrets.io": (object, root, namespace) => ({
    secrets: secret(
      namespace,
      root.at("spec", "target", "name").text ?? object.metadata.name,
      root.at("spec", "dataFrom").exists
        ? "any"
        : root.at("spec", "data").items.flatMap((one) => one.at("secretKey").text ?? []),
    ),
  }),
  "Cluster.postgresql.cnpg.io": postgresql,
  "EnvoyProxy.gateway.envoyproxy.io": envoy,
  "InferenceService.serving.kserve.io": inferenceService,
  "Deployment.apps": (_, root) => kubelets(root),
  "Prometheus.monitoring.coreos.com": (object, root, namespace) =>
    operated("prometheus", object, root, namespace, 9090),
  "Alertmanager.monitoring.coreos.com": (object, root, namespace) =>
    operated("alertmanager", object, root, namespace, 9093),
};

/** What controllers make out of these objects, and what the cluster makes in every namespace. */
export function derivedFrom(objects: readonly KubernetesObject[], namespaces: Iterable<string>): Derived {
  const parts = objects.flatMap((object) => {
    const derive = BY_KIND[`${object.kind}.${groupOf(object.apiVersion)}`];
    return derive ? [derive(object, new Field(object), object.metadata.namespace ?? "default")] : [];
  });
  return {
    pods: parts.flatMap(({ pods = [] }) => pods),
    services: [
      ...parts.flatMap(({ services = [] }) => services),
      { namespace: "default", name: "kubernetes", ports: [{ name: "https", port: 443 }] },
      { namespace: "kube-system", name: "kube-dns", ports: [{ name: "dns", port: 53 }] },
    ],
    secrets: parts.flatMap(({ secrets = [] }) => secrets),
    serviceAccounts: [
      ...parts.flatMap(({ serviceAccounts = [] }) => serviceAccounts),
      ...[...namespaces].map((namespace) => ({ namespace, name: "default" })),
    ],
  };
}

const CERTIFICATE = ["tls.crt", "tls.key", "ca.crt"];

/** cert-manager: the certificate's three keys, and a keystore's where one is asked for. */
function certificateKeys(root: Field): string[] {
  const stores = root.at("spec", "keystores");
  return [
    ...CERTIFICATE,
    ...(stores.at("jks", "create").value === true ? ["keystore.jks", "truststore.jks"] : []),
    ...(stores.at("pkcs12", "create").value === true ? ["keystore.p12", "truststore.p12"] : []),
  ];
}

/** cert-manager's ingress-shim and gateway-shim make the certificates of what carries one of these. */
export function makesCertificates({ metadata }: KubernetesObject): boolean {
  const annotations = metadata.annotations ?? {};
  return ["cert-manager.io/issuer", "cert-manager.io/cluster-issuer"].some((key) => key in annotations);
}

function accountKey(root: Field, namespace: string): Partial<Derived> {
  return {
    secrets: secret(namespace, root.at("spec", "acme", "privateKeySecretRef", "name").text, ["tls.key"]),
  };
}

function secret(namespace: string, name: string | undefined, keys: KeyHolder["keys"]): KeyHolder[] {
  return name === undefined ? [] : [{ namespace, name, keys }];
}

/** CloudNativePG: three Services, the application's and the authorities' Secrets, instances with an exporter. */
function postgresql(object: KubernetesObject, root: Field, namespace: string): Partial<Derived> {
  const { name } = object.metadata;
  const account = ["username", "user", "password", "dbname", "host", "port", "uri", "jdbc-uri", "pgpass"];
  const secrets = secret(namespace, `${name}-app`, [...account, "fqdn-uri", "fqdn-jdbc-uri"]);
  if (root.at("spec", "enableSuperuserAccess").value === true)
    secrets.push({ namespace, name: `${name}-superuser`, keys: account });
  secrets.push({ namespace, name: `${name}-ca`, keys: ["ca.crt", "ca.key"] });
  return {
    secrets,
    serviceAccounts: [{ namespace, name }],
    services: ["rw", "ro", "r"].map((role) => ({
      namespace,
      name: `${name}-${role}`,
      ports: [{ name: "postgres", port: 5432 }],
    })),
    pods: [
      pod(
        namespace,
        name,
        { "cnpg.io/cluster": name, "cnpg.io/podRole": "instance" },
        [
          { name: "postgresql", containerPort: 5432 },
          { name: "metrics", containerPort: 9187 },
          { name: "status", containerPort: 8000 },
        ],
        root.at("spec", "inheritedMetadata", "labels"),
      ),
    ],
  };
}

/** Envoy Gateway: the proxies of every gateway of a class lie beside it; privileged ports of listeners are moved by 10000. */
function envoy(_object: KubernetesObject, _root: Field, namespace: string): Partial<Derived> {
  const labels = {
    "app.kubernetes.io/name": "envoy",
    "app.kubernetes.io/component": "proxy",
    "app.kubernetes.io/managed-by": "envoy-gateway",
  };
  const ports = [
    { name: "http-80", containerPort: 10_080 },
    { name: "https-443", containerPort: 10_443 },
    { name: "metrics", containerPort: 19_001 },
  ];
  return { pods: [pod(namespace, "envoy", labels, ports)] };
}

/** KServe in Standard mode: a Deployment and a Service of the predictor; labels of the object reach its pods. */
function inferenceService(object: KubernetesObject, root: Field, namespace: string): Partial<Derived> {
  const name = `${object.metadata.name}-predictor`;
  const predictor = root.at("spec", "predictor");
  const stated = [...predictor.at("containers").items, predictor.at("model")].flatMap(
    (one) => one.at("ports").items,
  );
  const ports = stated.map((one) => one.as<ContainerPort>()).filter((one) => one !== undefined);
  const labels = {
    ...object.metadata.labels,
    ...predictor.at("labels").as<Record<string, string>>(),
    app: `isvc.${name}`,
    component: "predictor",
    "serving.kserve.io/inferenceservice": object.metadata.name,
  };
  return {
    pods: [pod(namespace, name, labels, ports.length > 0 ? ports : [{ containerPort: 8080 }])],
    services: [{ namespace, name, ports: [{ name: "http", port: 80 }], labels }],
  };
}

/** How Alertmanagers tell one another what is sent and silenced. */
const MESH: readonly ContainerPort[] = [
  { name: "mesh-tcp", containerPort: 9094 },
  { name: "mesh-udp", containerPort: 9094, protocol: "UDP" },
];

/** The Prometheus operator: a StatefulSet, and the Service that governs it. */
function operated(
  what: "prometheus" | "alertmanager",
  object: KubernetesObject,
  root: Field,
  namespace: string,
  port: number,
): Partial<Derived> {
  const { name } = object.metadata;
  const labels = {
    "app.kubernetes.io/name": what,
    "app.kubernetes.io/instance": name,
    "app.kubernetes.io/managed-by": "prometheus-operator",
    [what]: name,
  };
  const web = root.at("spec", "portName").text ?? "web";
  const ports = [
    { name: web, containerPort: port },
    { name: "reloader-web", containerPort: 8080 },
    ...(what === "alertmanager" ? MESH : []),
  ];
  return {
    pods: [pod(namespace, `${what}-${name}`, labels, ports, root.at("spec", "podMetadata", "labels"))],
    services: [
      {
        namespace,
        name: `${what}-operated`,
        ports: [{ name: web, port }],
        labels: { [`operated-${what}`]: "true" },
      },
    ],
  };
}

const KUBELET_LABELS = { "app.kubernetes.io/name": "kubelet", "k8s-app": "kubelet" };

/**
 * The Prometheus operator again: with `--kubelet-service=namespace/name` it keeps a Service in front of all kubelets,
 * which are processes of the nodes. Source: its pkg/kubelet/controller.go.
 */
function kubelets(root: Field): Partial<Derived> {
  const flag = root
    .at("spec", "template", "spec", "containers")
    .items.flatMap((container) => container.at("args").texts)
    .find((one) => one.startsWith(KUBELET_FLAG));
  const [namespace, name] = flag?.slice(KUBELET_FLAG.length).split("/") ?? [];
  if (namespace === undefined || name === undefined) return {};
  const ports = [
    { name: "https-metrics", port: 10_250 },
    { name: "http-metrics", port: 10_255 },
    { name: "cadvisor", port: 4194 },
  ];
  const listening = ports.map((one) => ({ name: one.name, containerPort: one.port }));
  return {
    services: [{ namespace, name, ports, labels: KUBELET_LABELS }],
    pods: [{ ...pod(namespace, name, KUBELET_LABELS, listening), hostNetwork: true }],
  };
}

const KUBELET_FLAG = "--kubelet-service=";

function pod(
  namespace: string,
  name: string,
  labels: Record<string, string>,
  ports: readonly ContainerPort[],
  more?: Field,
): Pod {
  return {
    namespace,
    name,
    labels: { ...more?.as<Record<string, string>>(), ...labels },
    ports,
    hostNetwork: false,
  };
}
