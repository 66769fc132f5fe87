import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { removeNamespaces } from "../support/objects.ts";
import { becomes, isReady, make, outputOf, pod, podSpec, type Pod } from "./support/pods.ts";

const NAMESPACE = "image-test";
const SERVER = `require("node:http").createServer((_, answer) => answer.end(process.env.HOSTNAME)).listen(8080)`;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = testCluster();
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await make(cluster, { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } });
});

afterAll(() => removeNamespaces(cluster, [NAMESPACE]));

it("runs the command as nobody, on a root that it can't write to", async () => {
  const script =
    "slipway --version && id -u && ! touch /opt/slipway/x 2>/dev/null && touch /tmp/x /var/lib/slipway/x";
  const output = await outputOf(cluster, pod(NAMESPACE, "command", { command: ["sh", "-c", script] }));
  expect(output.trim().split("\n")).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+$/), "10001"]);
});

it("has what models, steps and repositories need", async () => {
  const script = [
    "cd /opt/slipway",
    `node -e 'require("onnxruntime-node").InferenceSession; require("@photostructure/sqlite").DatabaseSync'`,
    "cd /tmp && git init --quiet work && git -C work status --short",
    "uv venv --quiet fast && fast/bin/python -c 'import ssl, sqlite3, json'",
    "python3 -m venv slow && slow/bin/python -m pip --version",
  ].join(" && ");
  const output = await outputOf(cluster, pod(NAMESPACE, "tools", { command: ["sh", "-c", script] }));
  expect(output).toMatch(/^pip \d/m);
});

it("isn't let in with more rights than the restricted standard gives", async () => {
  const loose: KubernetesObject = {
    ...pod(NAMESPACE, "loose", {}),
    spec: podSpec({ securityContext: { privileged: true } }),
  };
  await expect(make(cluster, loose)).rejects.toThrow("violates PodSecurity");
});

it("is reached by a Service's name from pods, and its pods by their addresses from here", async () => {
  const labels = { app: "web" };
  await make(cluster, pod(NAMESPACE, "web", { command: ["node", "-e", SERVER] }, labels), {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: NAMESPACE },
    spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
  });
  const web = await becomes<Pod>(cluster, `/api/v1/namespaces/${NAMESPACE}/pods/web`, isReady);
  const ask = `
    const end = Date.now() + 30_000;
    const ask = () => fetch("http://web.${NAMESPACE}.svc/").then((answer) => answer.text()).catch((error) => {
      if (Date.now() > end) throw error;
      return ask();
    });
    ask().then(console.log)`;
  expect(await outputOf(cluster, pod(NAMESPACE, "asks", { command: ["node", "-e", ask] }))).toBe("web\n");
  const answer = await fetch(`http://${web.status?.podIP}:8080/`, { signal: AbortSignal.timeout(10_000) });
  expect(await answer.text()).toBe("web");
});

it("keeps what is on a volume over the end of its pod", async () => {
  const labels = { app: "kept" };
  const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
  const script = "date +%s%N >> /var/lib/slipway/starts; exec sleep infinity";
  await make(cluster, {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "kept", namespace: NAMESPACE },
    spec: {
      serviceName: "kept",
      replicas: 1,
      selector: { matchLabels: labels },
      volumeClaimTemplates: [{ metadata: { name: "data" }, spec: claim }],
      template: { metadata: { labels }, spec: onClaim(podSpec({ command: ["sh", "-c", script] })) },
    },
  });
  const path = `/api/v1/namespaces/${NAMESPACE}/pods/kept-0`;
  const first = await becomes<Pod>(cluster, path, isReady);
  await cluster.send({ method: "DELETE", path });
  await becomes<Pod>(cluster, path, (now) => now.metadata.uid !== first.metadata.uid && isReady(now));
  const volume = { persistentVolumeClaim: { claimName: "data-kept-0" } };
  const reads: KubernetesObject = {
    ...pod(NAMESPACE, "reads", {}),
    spec: {
      restartPolicy: "Never",
      ...podSpec({ command: ["wc", "-l", "/var/lib/slipway/starts"] }, volume),
    },
  };
  expect(await outputOf(cluster, reads)).toMatch(/^2 /);
});

/** The volume comes from the claim, whatever the pod itself says of it. */
function onClaim(spec: object): object {
  const { volumes } = spec as { volumes: { name: string }[] };
  return { ...spec, volumes: volumes.filter(({ name }) => name !== "data") };
}

async function reachesThisMachine(host: string): Promise<void> {
  const server: Server = createServer((_, answer) => answer.end("here"));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const ask = `fetch("http://${host}:${port}/").then((answer) => answer.text()).then(console.log)`;
    expect(await outputOf(cluster, pod(NAMESPACE, "out", { command: ["node", "-e", ask] }))).toBe("here\n");
  } finally {
    server.close();
  }
}

// A cluster of somebody's own may be anywhere.
const node = process.env["SLIPWAY_TEST_NODE"];
if (node) it("reaches this machine", () => reachesThisMachine((JSON.parse(node) as { host: string }).host));
