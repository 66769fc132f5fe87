import { afterAll, beforeAll, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/targets/kubernetes/object.ts";
import { small } from "../targets/kubernetes/components/platform.ts";
import { testCluster, type TestCluster } from "./support/cluster.ts";
import { definitions, installDefinitions, removeDefinitions } from "./support/definitions.ts";
import { makeNamespaces, pathOf, removeNamespaces } from "./support/objects.ts";

const REPOSITORY = "{ repository: 'https://git.example.com/env.git', path: deploy }";
const STORE = "{ endpoint: 'https://s3.example.com', bucket: models, credentials: { secret: objects } }";
/** Between them every component, and both ways of those that have two. */
const PLATFORMS = {
  "under Argo CD": `components:
  certManager: {}
  gateway: {}
  kserve: {}
  argoWorkflows: {}
  objectStore: ${STORE}
  postgresql: { cloudNativePg: { backups: {} } }
  argoCd: ${REPOSITORY}
  prometheus:
    storageClass: fast
    receiver: { slack: { channel: ops, secret: ops, key: url } }
    smtp: { host: mail.example.com, from: a@example.com, user: a, password: { secret: mail, key: password } }
    grafana: { admin: { secret: grafana, key: password } }
tenants:
  - name: team-a
    quota: { cpu: 8, memory: 16Gi }
    alerts: { receiver: { webhook: { secret: hook, key: url } } }
    services: [{ name: iris, image: "registry.example.com/iris:1.4.0" }]
`,
  "under Flux": `components:
  certManager: { issuer: { acme: { email: a@example.com, dns01: { route53: { region: eu-central-1 } } } } }
  gateway: { implementation: envoyGateway, service: NodePort, nodePorts: {} }
  flux: ${REPOSITORY}
`,
};
/** Kinds of what can't be read here. */
const UNREAD = ["argo-workflows", "envoy-gateway", "flux-helm", "flux-kustomize", "flux-source"];

const rendered = Object.entries(PLATFORMS).map(
  ([name, text]) => [name, small(text).objects.map(({ object }) => object)] as const,
);
const all = rendered.flatMap(([, objects]) => objects);
const namespaces = new Set(all.flatMap(({ metadata }) => metadata.namespace ?? []));
let cluster: TestCluster;
let installed: KubernetesObject[];

beforeAll(async () => {
  cluster = testCluster();
  const byName = new Map(
    [...definitions(UNREAD), ...all.filter(({ kind }) => kind === "CustomResourceDefinition")].map((one) => [
      one.metadata.name,
      one,
    ]),
  );
  installed = [...byName.values()];
  await installDefinitions(cluster, installed);
  await makeNamespaces(cluster, namespaces);
});

afterAll(async () => {
  await removeNamespaces(cluster, namespaces);
  await removeDefinitions(cluster, installed);
});

it.each(rendered)("what components make %s is taken by the server, field by field", async (_, objects) => {
  const refused: string[] = [];
  for (const object of objects) {
    // Definitions are there, and were taken by the same rules.
    if (object.kind === "CustomResourceDefinition") continue;
    const { status, body } = await cluster.send({
      method: "PATCH",
      path: await pathOf(cluster, object),
      query: { fieldManager: "slipway", fieldValidation: "Strict", force: "true", dryRun: "All" },
      contentType: "application/apply-patch+yaml",
      body: object,
    });
    if (status > 201)
      refused.push(`${object.kind} ${object.metadata.name}: ${status} ${JSON.stringify(body).slice(0, 400)}`);
  }
  expect(refused).toEqual([]);
});
