import { expect, test } from "vitest";
import type { NetworkPath } from "../../../../src/targets/kubernetes/component.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import type { Owned, Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { MANAGED_BY, MANAGER } from "../../../../src/targets/kubernetes/serving/names.ts";
import { proveWiring } from "../../../../src/targets/kubernetes/wiring/prove.ts";
import { NOTHING_GIVEN, objectsOf, renderedOf } from "./platform.ts";

const NETWORK = objectsOf(`
apiVersion: v1
kind: Namespace
metadata: { name: team-a }
---
apiVersion: v1
kind: Namespace
metadata: { name: monitoring }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: iris, namespace: team-a }
spec:
  selector: { matchLabels: { app: iris } }
  template:
    metadata: { labels: { app: iris } }
    spec: { containers: [{ name: iris, image: "registry.example.com/web:1.0.0", ports: [{ name: http, containerPort: 8080 }] }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: prometheus, namespace: monitoring }
spec:
  selector: { matchLabels: { app: prometheus } }
  template:
    metadata: { labels: { app: prometheus } }
    spec: { containers: [{ name: prometheus, image: "registry.example.com/web:1.0.0" }] }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: nothing, namespace: team-a }
spec: { podSelector: {}, policyTypes: [Ingress, Egress] }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: dns, namespace: team-a }
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }, podSelector: { matchLabels: { k8s-app: kube-dns } } }]
      ports: [{ port: 53, protocol: UDP }]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: scrape, namespace: team-a }
spec:
  podSelector: { matchLabels: { app: iris } }
  policyTypes: [Ingress]
  ingress:
    - from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: monitoring } }, podSelector: { matchLabels: { app: prometheus } } }]
      ports: [{ port: 8080 }]
`);

const IRIS = { kind: "pods", pods: { namespace: "team-a", labels: { app: "iris" } } } as const;
const PROMETHEUS = {
  kind: "pods",
  pods: { namespace: "monitoring", labels: { app: "prometheus" } },
} as const;
const component = "tenants/team-a";
const SCRAPE: Owned<NetworkPath> = {
  component,
  from: PROMETHEUS,
  to: IRIS,
  port: 8080,
  why: "scrape metrics",
};
const DNS: Owned<NetworkPath> = {
  component,
  from: IRIS,
  to: { kind: "dns" },
  port: 53,
  protocol: "UDP",
  why: "names",
};

function network(
  objects: readonly KubernetesObject[],
  paths: Owned<NetworkPath>[],
  more: Partial<Rendered> = {},
) {
  const rendered = renderedOf(objects, { paths, ...more });
  const tenant = { name: "team-a" } as Rendered["platform"]["tenants"][number];
  const platform = {
    ...rendered.platform,
    tenants: [{ ...tenant, services: [] }],
  } as unknown as Rendered["platform"];
  return proveWiring({ ...rendered, platform }, "1.36").map(({ code, message, severity }) => ({
    code,
    message,
    severity,
  }));
}

/** A policy's spec, changed. */
function changed(name: string, change: (spec: Record<string, never[]>) => void): KubernetesObject[] {
  return structuredClone(NETWORK).map((object) => {
    if (object.kind === "NetworkPolicy" && object.metadata.name === name)
      change(object["spec"] as Record<string, never[]>);
    return object;
  });
}

/** Its first ingress rule without a field. */
function without(spec: Record<string, never[]>, field: string): void {
  const [rule = {}] = spec["ingress"] ?? [];
  delete (rule as Record<string, unknown>)[field];
}

test("a tenant's network: what is needed is open, nothing else is", () => {
  expect(network(NETWORK, [SCRAPE, DNS])).toEqual([]);
});

test("a path that the policies close is named with what stands in its way", () => {
  expect(network(NETWORK, [SCRAPE, DNS, { ...SCRAPE, port: 9000 }]).map(({ code }) => code)).toContain(
    "network-path-blocked",
  );
  const out: Owned<NetworkPath> = {
    component,
    from: IRIS,
    to: { kind: "outside", cidr: "192.0.2.0/24" },
    port: 443,
    why: "read models",
  };
  const [finding] = network(NETWORK, [SCRAPE, DNS, out]);
  expect(finding?.message).toBe(
    "tenants/team-a needs team-a/app=iris to 192.0.2.0/24 port 443/TCP (read models), and NetworkPolicy team-a/nothing, team-a/dns lets it not out",
  );
});

test("the API server without a stated address is reached only when everything is; a part of it is unverified", () => {
  const api: Owned<NetworkPath> = {
    component,
    from: IRIS,
    to: { kind: "apiServer" },
    port: 6443,
    why: "watch pods",
  };
  const open = changed("dns", (spec) =>
    spec["egress"]?.push({ to: [{ ipBlock: { cidr: "10.0.0.0/8" } }], ports: [{ port: 6443 }] } as never),
  );
  expect(network(open, [SCRAPE, DNS, api]).map(({ code, severity }) => `${severity} ${code}`)).toEqual([
    "unverified network-path-blocked",
  ]);
});

test("an open path that nobody needs, and a namespace that isn't isolated", () => {
  expect(network(NETWORK, [DNS])).toMatchObject([
    {
      code: "network-path-unneeded",
      message:
        "monitoring/prometheus reaches team-a/iris on port 8080/TCP, and nothing needs it (NetworkPolicy team-a/scrape spec.ingress[0])",
    },
  ]);
  const wide = changed("scrape", (spec) => without(spec, "from"));
  expect(network(wide, [SCRAPE, DNS]).map(({ code }) => code)).toEqual(["network-path-unneeded"]);
  const anyPort = changed("scrape", (spec) => without(spec, "ports"));
  expect(network(anyPort, [SCRAPE, DNS]).map(({ code }) => code)).toEqual(["network-path-unneeded"]);
  const world = changed("scrape", (spec) =>
    spec["ingress"]?.push({ from: [{ ipBlock: { cidr: "203.0.113.0/24" } }] } as never),
  );
  expect(network(world, [SCRAPE, DNS]).map(({ code }) => code)).toEqual(["network-path-unneeded"]);
  const letOut = changed("dns", (spec) =>
    spec["egress"]?.push({
      to: [{ namespaceSelector: {} }],
      ports: [{ port: 53, protocol: "UDP" }],
    } as never),
  );
  expect(network(letOut, [SCRAPE, DNS]).map(({ code }) => code)).toEqual(["network-rule-unneeded"]);
  const none = NETWORK.filter(({ metadata }) => metadata.name !== "nothing");
  expect(network(none, [SCRAPE, DNS]).map(({ message }) => message)).toContain(
    "no NetworkPolicy isolates a pod without labels in team-a of tenant team-a: its ingress is open to everyone",
  );
});

test("who gets at pods that are made as they are needed", () => {
  const labels = { [MANAGED_BY]: MANAGER };
  const models: Owned<NetworkPath> = {
    ...SCRAPE,
    to: { kind: "pods", pods: { namespace: "team-a", labels } },
    port: 4620,
    why: "predict",
  };
  const opened = (from: object): KubernetesObject => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "models", namespace: "team-a" },
    spec: {
      podSelector: { matchLabels: labels },
      policyTypes: ["Ingress"],
      ingress: [{ from: [from], ports: [{ port: 4620 }] }],
    },
  });
  const prometheus = {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } },
    podSelector: { matchLabels: { app: "prometheus" } },
  };
  const codes = (from: object): string[] =>
    network([...NETWORK, opened(from)], [SCRAPE, DNS, models]).map(({ code }) => code);
  expect(codes(prometheus)).toEqual([]);
  expect(codes({ namespaceSelector: {}, podSelector: {} })).toEqual(["network-path-unneeded"]);
});

test("ends of a path that nobody makes, and ports that they don't have", () => {
  const nobody = { kind: "pods", pods: { namespace: "team-a", labels: { app: "iris2" } } } as const;
  expect(network(NETWORK, [SCRAPE, DNS, { ...SCRAPE, to: nobody }]).map(({ code }) => code)).toContain(
    "network-path-end",
  );
  expect(network(NETWORK, [SCRAPE, DNS, { ...SCRAPE, port: 81 }]).map(({ code }) => code)).toContain(
    "network-path-port",
  );
});

const ROLE = objectsOf(`
apiVersion: v1
kind: ServiceAccount
metadata: { name: runner, namespace: default }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: runner, namespace: default }
rules: [{ apiGroups: [""], resources: [pods], verbs: [get, list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: runner, namespace: default }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: runner }
subjects: [{ kind: ServiceAccount, name: runner, namespace: default }]
`);
const USE = {
  component: "slipway",
  serviceAccount: { namespace: "default", name: "runner" },
  verbs: ["get", "list"],
  group: "",
  resource: "pods",
  where: ["default"],
  why: "run steps",
};

test("roles suffice for what a workload states, and grant no more", () => {
  const messages = (access: Rendered["access"]) =>
    proveWiring(renderedOf(ROLE, { access }), "1.36").map(({ code, message }) => `${code}: ${message}`);
  expect(messages([USE])).toEqual([]);
  expect(messages([USE, { ...USE, verbs: ["delete"] }])).toEqual([
    "access-missing: ServiceAccount default/runner must delete pods in default (run steps), and no role lets it",
  ]);
  expect(messages([USE, { ...USE, where: "cluster" }])).toHaveLength(2);
  expect(messages([{ ...USE, verbs: ["get"] }])).toEqual([
    "access-unneeded: RoleBinding runner lets ServiceAccount default/runner list pods in default, and nothing says that it does",
  ]);
  expect(
    messages([{ ...USE, names: ["one"] }]).filter((one) => one.startsWith("access-unneeded")),
  ).toHaveLength(2);
});

test.each([["reed"], ["*"]])("verbs that aren't any, or are all: %s", (verb) => {
  const role = { ...ROLE[1], rules: [{ apiGroups: [""], resources: ["pods"], verbs: [verb] }] };
  const codes = proveWiring(renderedOf([role as KubernetesObject]), "1.36").map(({ code }) => code);
  expect(codes).toContain("role-verb");
});

test("images, charts and versions that the lock doesn't have, and secrets that aren't given", () => {
  const codes = (rendered: Rendered) => proveWiring(rendered, "1.36").map(({ code }) => code);
  const objects = objectsOf(`
apiVersion: v1
kind: Pod
metadata: { name: one, namespace: default }
spec: { containers: [{ name: one, image: "registry.example.com/other:2.0.0" }] }
`);
  expect(codes(renderedOf(objects))).toEqual(["image-not-locked"]);
  const row = {
    row: "other",
    kind: "image",
    source: "registry.example.com/other",
    version: "2.0.0",
    licence: "MIT",
    upkeep: "",
  } as const;
  expect(codes(renderedOf(objects, { locked: [row] }))).toEqual([]);
  const old = { ...row, kubernetes: { from: "1.30", to: "1.35" } };
  expect(codes(renderedOf(objects, { locked: [old] }))).toEqual(["kubernetes-version-unsupported"]);
  const chart = {
    row: "none",
    release: "r",
    namespace: "default",
    values: {},
    from: [],
    component: "slipway",
    state: "read",
  } as const;
  expect(codes(renderedOf([], { charts: [chart] }))).toEqual(["chart-not-locked"]);
  const secrets = [
    {
      component: "slipway",
      namespace: "default",
      name: "objects",
      keys: ["id"],
      made: { how: "given" },
      from: [],
    },
  ] as const;
  expect(codes(renderedOf([], { secrets }))).toEqual(["secret-not-given"]);
  const given = { ...NOTHING_GIVEN, secrets: [{ namespace: "default", name: "objects", keys: ["id"] }] };
  expect(codes(renderedOf([], { secrets, given }))).toEqual([]);
  expect(proveWiring(renderedOf([]), "1.40").map(({ code, severity }) => `${severity} ${code}`)).toEqual([
    "unverified kubernetes-version-unknown",
  ]);
});

test("versions of APIs that the stated Kubernetes doesn't serve", () => {
  const [old] = objectsOf(
    "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: { name: a, namespace: default }",
  );
  const [young] = objectsOf(
    "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy\nmetadata: { name: a }",
  );
  const messages = (object: KubernetesObject | undefined, version: string) =>
    proveWiring(renderedOf([object as KubernetesObject]), version).map(({ message }) => message);
  expect(messages(old, "1.36")).toEqual([
    "PodDisruptionBudget.policy/default/a counts at apiVersion on what isn't there: PodDisruptionBudget of policy/v1beta1 isn't served by Kubernetes 1.36 or a definition: it is served as policy/v1",
  ]);
  expect(messages(young, "1.35")).toHaveLength(1);
  expect(messages(young, "1.36")).toEqual([]);
});

test("metrics that nothing emits, labels that they don't carry, and what emits to nobody", () => {
  const rule = (expr: string) =>
    objectsOf(`
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: { name: web, namespace: default }
spec: { groups: [{ name: web, rules: [{ record: "web:errors", expr: "up" }, { alert: Slow, expr: '${expr}' }] }] }
`);
  const definitions = ["PrometheusRule", "PodMonitor"].map((kind) => ({
    apiVersion: "monitoring.coreos.com/v1",
    kind,
  }));
  const given = { ...NOTHING_GIVEN, definitions, metrics: ["node_load1"] };
  const metrics = [{ name: "web_seconds", type: "histogram", labels: ["code"] }] as const;
  const emits = [
    {
      component: "slipway",
      pods: { namespace: "default", labels: { app: "web" } },
      port: "metrics",
      metrics,
    },
  ];
  const messages = (expr: string) =>
    proveWiring(renderedOf(rule(expr), { given, emits }), "1.36").map(({ message }) =>
      message.replace(/^.*there: /, ""),
    );
  expect(
    messages('rate(web_seconds_bucket{code="500", le="1", pod=~"a"}[5m]) > on () web:errors + node_load1'),
  ).toEqual([]);
  expect(messages("web_second_count > 1")).toEqual([
    "nothing emits the metric web_second_count, and it isn't given; did you mean web_seconds_count?",
  ]);
  expect(messages("web_seconds > 1")).toHaveLength(1);
  expect(messages('web_seconds_count{cod="500"}')[0]).toMatch(
    /^there is no label "cod" of the metric web_seconds_count; did you mean code\?/,
  );
  expect(messages("sum by (cod) (web_seconds_count) > 1")[0]).toMatch(
    /^there is no label "cod" of the metrics web_seconds_count/,
  );
  expect(messages('sum by (cod) (label_replace(web_seconds_count, "cod", "$1", "code", "(.)")) > 1')).toEqual(
    [],
  );
  expect(messages("sum without (cod) (web_seconds_count * on (code) web:errors) > 1")).toEqual([]);
  expect(messages("rate(web_seconds_count[5m)")[0]).toMatch(/^there is no PromQL expression near/);
  const [monitor] = objectsOf(`
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: { name: other, namespace: default }
spec: { namespaceSelector: { any: true }, selector: { matchLabels: { app: other } }, podMetricsEndpoints: [{ port: metrics }] }
`);
  expect(proveWiring(renderedOf([monitor as KubernetesObject], { given, emits }), "1.36")).toMatchObject([
    { code: "metric-not-scraped" },
  ]);
});
