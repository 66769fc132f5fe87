// What a cluster has before anything is installed: names (CoreDNS) and volumes. A cluster of yours brings its own.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ask } from "../processes.mjs";
import { NODE } from "./settings.mjs";

export const COREDNS = "slipway.local/coredns:1";
const VOLUMES = 24;
const SYSTEM = "kube-system";
const DNS = { "k8s-app": "kube-dns" };
const MANAGER = "slipway-test";

/** Applies CoreDNS, and waits until it is ready. */
export async function applyNames(api, { dns, services }) {
  const account = { kind: "ServiceAccount", name: "coredns", namespace: SYSTEM };
  const named = (rest = {}) => ({ metadata: { name: "coredns", namespace: SYSTEM, ...rest } });
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  await apply(api, `/api/v1/namespaces/${SYSTEM}/serviceaccounts/coredns`, {
    kind: "ServiceAccount",
    ...named(),
  });
  await apply(api, `${rbac}/clusterroles/system:coredns`, {
    kind: "ClusterRole",
    metadata: { name: "system:coredns" },
    rules: [
      { apiGroups: [""], resources: ["services", "pods", "namespaces"], verbs: ["list", "watch"] },
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
    ],
  });
  await apply(api, `${rbac}/clusterrolebindings/system:coredns`, {
    kind: "ClusterRoleBinding",
    metadata: { name: "system:coredns" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:coredns" },
    subjects: [account],
  });
  await apply(api, `/api/v1/namespaces/${SYSTEM}/configmaps/coredns`, {
    kind: "ConfigMap",
    ...named(),
    data: { Corefile: corefile(services) },
  });
  await apply(api, `/apis/apps/v1/namespaces/${SYSTEM}/deployments/coredns`, {
    kind: "Deployment",
    ...named({ labels: DNS }),
    spec: { replicas: 1, selector: { matchLabels: DNS }, template: coredns() },
  });
  await apply(api, `/api/v1/namespaces/${SYSTEM}/services/kube-dns`, {
    kind: "Service",
    metadata: { name: "kube-dns", namespace: SYSTEM, labels: DNS },
    spec: {
      clusterIP: dns,
      selector: DNS,
      ports: ["UDP", "TCP"].map((protocol) => ({
        name: `dns-${protocol.toLowerCase()}`,
        port: 53,
        protocol,
      })),
    },
  });
}

/** Whether names are answered. */
export async function areNamesReady(api) {
  const answer = await ask(api, `/apis/apps/v1/namespaces/${SYSTEM}/deployments/coredns`);
  return answer?.body.status?.readyReplicas === 1;
}

/** Short lives: tests delete and make what they ask for again. */
function corefile(services) {
  return `.:53 {
  errors
  health :8080
  ready :8181
  kubernetes cluster.local in-addr.arpa ${services} {
    ttl 5
  }
  forward . /etc/resolv.conf
  cache 5
}
`;
}

function coredns() {
  return {
    metadata: { labels: DNS },
    spec: {
      serviceAccountName: "coredns",
      // The node's own resolver: names outside of the cluster are asked there.
      dnsPolicy: "Default",
      containers: [
        {
          name: "coredns",
          image: COREDNS,
          imagePullPolicy: "Never",
          args: ["-conf", "/etc/coredns/Corefile"],
          volumeMounts: [{ name: "config", mountPath: "/etc/coredns" }],
          readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 1 },
          securityContext: { capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } },
        },
      ],
      volumes: [{ name: "config", configMap: { name: "coredns" } }],
    },
  };
}

/** Folders of the machine as volumes, since nothing provisions them on demand. */
export async function applyVolumes(api, folder) {
  const storage = "/apis/storage.k8s.io/v1";
  await apply(api, `${storage}/storageclasses/local`, {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: "local", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
    provisioner: "kubernetes.io/no-provisioner",
    volumeBindingMode: "WaitForFirstConsumer",
  });
  const here = { key: "kubernetes.io/hostname", operator: "In", values: [NODE] };
  for (let number = 1; number <= VOLUMES; number++) {
    const path = join(folder, String(number));
    mkdirSync(path, { recursive: true });
    await apply(api, `/api/v1/persistentvolumes/local-${number}`, {
      kind: "PersistentVolume",
      metadata: { name: `local-${number}` },
      spec: {
        capacity: { storage: "20Gi" },
        accessModes: ["ReadWriteOnce", "ReadWriteMany"],
        storageClassName: "local",
        persistentVolumeReclaimPolicy: "Retain",
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
      },
    });
  }
}

/** Server-side apply of one object at its address. */
export async function apply(api, path, object) {
  const apiVersion =
    object.apiVersion ??
    path
      .split("/")
      .slice(2, path.startsWith("/apis/") ? 4 : 3)
      .join("/");
  const answer = await ask(api, `${path}?fieldManager=${MANAGER}&force=true`, {
    method: "PATCH",
    type: "application/apply-patch+yaml",
    body: { apiVersion, ...object },
  });
  if (answer !== undefined && answer.status < 300) return answer.body;
  throw new Error(
    `${path}: ${answer?.status ?? "no answer"} ${JSON.stringify(answer?.body ?? "").slice(0, 500)}`,
  );
}
