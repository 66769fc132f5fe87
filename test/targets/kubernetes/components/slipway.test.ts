import { expect, test } from "vitest";
import { METRICS } from "../../../../src/monitoring/metrics-table.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { controlSettings } from "../../../../src/roles/cluster/control-settings.ts";
import { gatewaySettings } from "../../../../src/roles/cluster/routing-settings.ts";
import { serveSettings } from "../../../../src/roles/cluster/serve-settings.ts";
import { Field } from "../../../../src/targets/kubernetes/wiring/field.ts";
import { broken, find, problems, small } from "./platform.ts";

const PLATFORM = `images: { slipway: "registry.example.com/slipway:1.0.0" }
given:
  secrets:
    - { namespace: slipway, name: database, keys: [url] }
    - { namespace: slipway, name: objects, keys: [accessKeyId, secretAccessKey] }
    - { namespace: slipway, name: slipway-internal, keys: [token] }
    - { namespace: slipway, name: slipway-admin, keys: [token] }
components:
  gateway: {}
  objectStore: { endpoint: "https://s3.example.com", bucket: models, credentials: { secret: objects } }
  postgresql: { url: { secret: database, key: url } }
  slipway: {}
`;
const rendered = small(PLATFORM);

const pod = (kind: string, name: string) =>
  new Field(find(rendered, kind, name)).at("spec", "template", "spec");
const container = (object: KubernetesObject) =>
  new Field(object).at("spec", "template", "spec", "containers").items[0] as Field;

test("is wired to what is there", () => {
  expect(broken(rendered)).toEqual([]);
});

test("says how its image was proven", () => {
  const row = rendered.locked.find((one) => one.row === "slipway");
  expect(row?.proven?.how).toContain("applied to a real node");
});

test("control has two replicas that elect one, each with a volume of its own", () => {
  const spec = new Field(find(rendered, "StatefulSet", "control")).at("spec");
  expect(spec.at("replicas").number).toBe(2);
  expect(spec.at("volumeClaimTemplates").items[0]?.at("spec").value).toMatchObject({
    accessModes: ["ReadWriteOnce"],
    resources: { requests: { storage: "10Gi" } },
  });
  // Who leads is decided in the database: in its own namespace control only follows the pods that serve.
  expect(find(rendered, "Role", "slipway-control")["rules"]).toEqual([
    { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
  ]);
});

test("what serve holds are the two secrets of callers, control those of its stores too, and no value is in a file", () => {
  const references = (kind: string, name: string) =>
    container(find(rendered, kind, name))
      .at("env")
      .items.flatMap((one) => one.at("valueFrom", "secretKeyRef").value ?? []);
  const callers = [
    { name: "slipway-internal", key: "token" },
    { name: "slipway-admin", key: "token" },
  ];
  expect(pod("Deployment", "serve").at("automountServiceAccountToken").value).toBe(false);
  expect(references("Deployment", "serve")).toEqual(callers);
  expect(references("StatefulSet", "control")).toEqual([
    ...callers,
    { name: "database", key: "url" },
    { name: "objects", key: "accessKeyId" },
    { name: "objects", key: "secretAccessKey" },
  ]);
  const given = rendered.secrets.filter(({ namespace }) => namespace === "slipway").map(({ name }) => name);
  expect(given).toEqual(expect.arrayContaining(["slipway-internal", "slipway-admin"]));
});

test("the variables are those that the roles take", () => {
  const variables = (kind: string, name: string) =>
    Object.fromEntries(
      container(find(rendered, kind, name))
        .at("env")
        .items.map((one) => [one.at("name").text, one.at("value").text ?? "x".repeat(40)]),
    );
  const invocation = { argv: [], packageDir: process.cwd(), mainFile: "/m", writerFile: "/w" };
  const secrets = {
    SLIPWAY_ADMIN_TOKEN: `slipway_${"x".repeat(40)}`,
    SLIPWAY_STORE: "postgres://u@db/slipway",
    // Of the pod's own service account.
    SLIPWAY_WORKER_IMAGE: "",
  };
  const control = controlSettings({
    ...invocation,
    env: { ...variables("StatefulSet", "control"), ...secrets },
  });
  expect(control).toMatchObject({
    serve: [{ host: "serve.slipway.svc", port: 4605 }],
    listen: { port: 4610 },
    config: { stepUrl: "http://slipway.slipway.svc:4600" },
  });
  const serve = serveSettings({ ...variables("Deployment", "serve"), ...secrets });
  expect(serve).toMatchObject({
    control: [{ host: "control.slipway.svc", port: 4610 }],
    adminPort: 4605,
    allowedHosts: expect.arrayContaining(["slipway.ml.example.com", "slipway.slipway.svc"]) as string[],
  });
});

test("every role is asked whether it lives and is ready, and may have the memory that it asks for", () => {
  for (const [kind, name] of [
    ["StatefulSet", "control"],
    ["Deployment", "serve"],
  ] as const) {
    const own = container(find(rendered, kind, name));
    expect(own.at("livenessProbe", "httpGet", "path").text).toBe("/health");
    expect(own.at("readinessProbe", "httpGet", "path").text).toBe("/ready");
    expect(own.at("resources", "limits", "memory").text).toBe(own.at("resources", "requests", "memory").text);
    expect(find(rendered, "PodDisruptionBudget", name)["spec"]).toMatchObject({ maxUnavailable: 1 });
  }
});

test("a single replica has no disruption budget, which would keep its node from being emptied", () => {
  const one = small(PLATFORM.replace("slipway: {}", "slipway: { replicas: 1 }"));
  expect(() => find(one, "PodDisruptionBudget", "control")).toThrow("there is no");
});

test("every metric of the platform is emitted by a role", () => {
  const emitted = rendered.emits
    .filter(({ component }) => component === "slipway")
    .flatMap(({ metrics }) => metrics.map(({ name }) => name));
  expect([...new Set(emitted)].sort()).toEqual(Object.keys(METRICS).sort());
});

test("is at one host name, and without an image or a database it is refused", () => {
  expect(find(rendered, "HTTPRoute", "slipway")["spec"]).toMatchObject({
    hostnames: ["slipway.ml.example.com"],
    rules: [{ backendRefs: [{ name: "slipway", port: 4600 }] }],
  });
  expect(() => small(PLATFORM.replace(/^images.*\n/, ""))).toThrow(
    expect.objectContaining({ code: "PLATFORM_IMAGE_MISSING" }) as Error,
  );
  expect(problems("components: { slipway: {} }\n")).toEqual([
    "slipway needs postgresql",
    "slipway needs objectStore",
  ]);
});

test("people reach it at the gateway's host name, or where the file says, and both roles take that name", () => {
  const told = (given: typeof rendered, kind: string, name: string, variable: string) =>
    container(find(given, kind, name))
      .at("env")
      .items.find((one) => one.at("name").text === variable)
      ?.at("value").text;
  expect(told(rendered, "StatefulSet", "control", "SLIPWAY_PUBLIC_URL")).toBe(
    "http://slipway.ml.example.com",
  );
  const elsewhere = small(
    PLATFORM.replace("slipway: {}", 'slipway: { url: "https://models.example.org:8443/" }'),
  );
  expect(told(elsewhere, "StatefulSet", "control", "SLIPWAY_PUBLIC_URL")).toBe(
    "https://models.example.org:8443",
  );
  for (const [kind, name] of [
    ["StatefulSet", "control"],
    ["Deployment", "serve"],
  ] as const)
    expect(told(elsewhere, kind, name, "SLIPWAY_HOSTS")).toMatch(
      /^slipway\.ml\.example\.com,models\.example\.org,slipway\.slipway,/,
    );
  expect(problems('components: { slipway: { url: "https://example.org/ml" } }\n')).toContain(
    "components.slipway.url has a path",
  );
});

test("the default tenant has a namespace of its own, closed and with rights as any tenant's, without a quota", () => {
  const own = rendered.objects.filter(({ object }) => object.metadata.namespace === "slipway-default");
  expect(own.map(({ object: { kind, metadata } }) => `${kind}/${metadata.name}`).sort()).toEqual([
    "NetworkPolicy/default-deny",
    "NetworkPolicy/models",
    "NetworkPolicy/workloads",
    "Role/slipway-control",
    "RoleBinding/slipway-control",
    "ServiceAccount/serving",
  ]);
  const collides = `${PLATFORM}tenants: [{ name: slipway-default, quota: { cpu: 1, memory: 1Gi } }]\n`;
  expect(problems(collides)).toEqual([
    'the tenant "slipway-default" has the namespace of the default tenant\'s workloads',
  ]);
});

test("pipelines run on Argo Workflows that are installed already, of which nothing is made", () => {
  const text = `${PLATFORM}  argoWorkflows: { installed: {} }\n`;
  const given = text.replace(
    "components:",
    `  definitions:
    - { apiVersion: argoproj.io/v1alpha1, kind: Workflow }
    - { apiVersion: argoproj.io/v1alpha1, kind: WorkflowTaskResult }
components:`,
  );
  const beside = small(given);
  expect(broken(beside)).toEqual([]);
  expect(beside.objects.filter(({ component }) => component === "argoWorkflows")).toEqual([]);
  expect(find(beside, "ServiceAccount", "pipeline").metadata.namespace).toBe("slipway-default");
  expect(problems(given.replace("installed: {}", "installed: {}, keep: 1h"))).toEqual([
    "components.argoWorkflows says keep of a controller that is installed already",
  ]);
});

test("the tenants of the cluster are those of tracking", () => {
  const shared = small(`${PLATFORM}tenants:
  - name: team-a
    people: { admins: ["user:ana"] }
    quota: { cpu: 1, memory: 1Gi }
`);
  const data = find(shared, "ConfigMap", "slipway-platform")["data"] as Record<string, string>;
  expect(JSON.parse(data["platform.json"] ?? "")).toMatchObject({
    name: "small",
    tenants: [{ name: "team-a", people: { admins: [{ kind: "User", name: "ana" }] } }],
  });
});

const GATED = PLATFORM.replace("slipway: {}", "slipway: { routing: gateway }");

test("a gateway divides services' requests: control may write their routes, and is told where they hang", () => {
  const gated = small(GATED);
  expect(broken(gated)).toEqual([]);
  const env = container(find(gated, "StatefulSet", "control"))
    .at("env")
    .items.map((one) => [one.at("name").text, one.at("value").text ?? ""] as const);
  expect(gatewaySettings(Object.fromEntries(env))).toEqual({
    gateway: { namespace: "gateway", name: "platform", listener: "http", host: "slipway.ml.example.com" },
    door: { url: new URL("http://traefik.gateway.svc"), host: "slipway.ml.example.com" },
  });
  const roles = gated.objects.filter(({ object }) => object.kind === "Role").map(({ object }) => object);
  const verbs = roles
    .filter(({ metadata }) => metadata.name === "slipway-control")
    .flatMap(({ rules }) => rules as { resources: string[]; verbs: string[] }[])
    .filter(({ resources }) => resources.includes("httproutes"))
    .map((one) => one.verbs);
  expect(verbs).toEqual([expect.arrayContaining(["create", "delete", "list", "patch"])]);
  expect(gatewaySettings({})).toBeUndefined();
});

test("what a gateway needs for that is asked for before anything is made", () => {
  const refused = expect.objectContaining({ code: "PLATFORM_ROUTING" }) as Error;
  expect(() => small(GATED.replace("  gateway: {}\n", ""))).toThrow(refused);
  expect(() => small(GATED.replace("gateway: {}", "gateway: { implementation: envoyGateway }"))).toThrow(
    refused,
  );
});
