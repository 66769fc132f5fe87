import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { makeAuthority, serverCertificate } from "../../../../tools/cluster/certificates.mjs";
import { kserveManifest } from "../../../../tools/cluster/sources.mjs";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import type { TestCluster } from "../../support/cluster.ts";
import { installDefinitions, removeDefinitions } from "../../support/definitions.ts";
import { pathOf, removeNamespaces } from "../../support/objects.ts";
import { becomes, make } from "./pods.ts";

const NAMESPACE = "kserve";
const MANAGER = "kserve-controller-manager";
export const MANAGER_PATH = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${MANAGER}`;
const IMAGE = "slipway.local/kserve-manager:test";
const HOOKS = "kserve-webhook-server-service.kserve.svc";
const HOOKS_SECRET = "kserve-webhook-server-cert";
/** Controllers of other kinds, which nothing here is of; cert-manager's part is played below. */
const LEFT_OUT = /llm|localmodel|proxy/;
const LEFT_OUT_KINDS = new Set(["Certificate", "Issuer", "DaemonSet", "LLMInferenceServiceConfig"]);

/** The real KServe in Standard mode with its webhooks, its manager as a pod; a cluster that has its kinds has it already. */
export async function installKserve(cluster: TestCluster): Promise<{ remove: () => Promise<void> }> {
  const all = readFileSync(kserveManifest(), "utf8")
    .split(/^---$/m)
    // The two largest kinds of all are read by nobody.
    .filter((text) => !/^  name: llm/m.test(text))
    .flatMap((text) => parseAllDocuments(text))
    .map((document) => document.toJS() as KubernetesObject)
    .filter(({ kind, metadata }) => !LEFT_OUT_KINDS.has(kind) && !LEFT_OUT.test(metadata.name));
  const definitions = all.filter(
    ({ kind, metadata }) =>
      kind === "CustomResourceDefinition" && metadata.name.endsWith(".serving.kserve.io"),
  );
  const made = await installDefinitions(cluster, definitions);
  if (made.length === 0) return { remove: async () => {} };
  const { certificate, key, authority } = webhookCertificate();
  const isHook = ({ kind }: KubernetesObject): boolean => kind.endsWith("WebhookConfiguration");
  const objects = all.filter((object) => object.kind !== "CustomResourceDefinition" && !isHook(object));
  await make(cluster, ...objects.map(changed), {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: HOOKS_SECRET, namespace: NAMESPACE },
    type: "kubernetes.io/tls",
    stringData: { "tls.crt": certificate, "tls.key": key },
  });
  await becomes<{ status?: { readyReplicas?: number } }>(
    cluster,
    MANAGER_PATH,
    ({ status }) => status?.readyReplicas === 1,
  );
  const hooks = all.filter(isHook).map((hook) => withAuthority(hook, authority));
  await make(cluster, ...hooks);
  const remove = async (): Promise<void> => {
    // What calls a manager that is gone would hold everything else.
    const clusterWide = [...hooks, ...objects.filter(({ kind }) => kind.startsWith("ClusterRole"))];
    for (const object of clusterWide)
      await cluster.send({ method: "DELETE", path: await pathOf(cluster, object) });
    await removeNamespaces(cluster, [NAMESPACE]);
    await removeDefinitions(cluster, made);
  };
  return { remove };
}

/** As it must be here: our image, without the proxy for its metrics, and no ingress for what it serves. */
function changed(object: KubernetesObject): KubernetesObject {
  if (object.kind === "ConfigMap") {
    const data = object["data"] as Record<string, string>;
    const deploy = { ...(JSON.parse(data["deploy"] ?? "{}") as object), defaultDeploymentMode: "Standard" };
    const ingress = { ...(JSON.parse(data["ingress"] ?? "{}") as object), disableIngressCreation: true };
    return {
      ...object,
      data: { ...data, deploy: JSON.stringify(deploy), ingress: JSON.stringify(ingress) },
    };
  }
  if (object.kind !== "Deployment") return object;
  const spec = object["spec"] as { template: { spec: { containers: Container[] } } };
  const [manager] = spec.template.spec.containers;
  const container = {
    ...manager,
    image: IMAGE,
    imagePullPolicy: "IfNotPresent",
    resources: {},
    // There is one of it, and nothing but time is lost when it is asked early.
    args: manager?.args?.filter((arg) => arg !== "--leader-elect"),
    readinessProbe: { ...manager?.readinessProbe, initialDelaySeconds: 1, periodSeconds: 1 },
  };
  const pod = { ...spec.template.spec, terminationGracePeriodSeconds: 1, containers: [container] };
  return { ...object, spec: { ...spec, template: { ...spec.template, spec: pod } } };
}

interface Container {
  args?: string[];
  readinessProbe?: object;
}

function withAuthority(object: KubernetesObject, authority: string): KubernetesObject {
  const caBundle = Buffer.from(authority).toString("base64");
  const webhooks = (object["webhooks"] as { clientConfig: object }[]).map((hook) => ({
    ...hook,
    clientConfig: { ...hook.clientConfig, caBundle },
  }));
  const { annotations: _, ...metadata } = object.metadata;
  return { ...object, metadata, webhooks };
}

function webhookCertificate(): { certificate: string; key: string; authority: string } {
  const folder = mkdtempSync(join(tmpdir(), "slipway-kserve-"));
  try {
    makeAuthority(folder);
    const { cert, key } = serverCertificate(folder, HOOKS);
    const [certificate, secret, authority] = [cert, key, join(folder, "ca.crt")].map((path) =>
      readFileSync(path, "utf8"),
    );
    return { certificate: certificate ?? "", key: secret ?? "", authority: authority ?? "" };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
