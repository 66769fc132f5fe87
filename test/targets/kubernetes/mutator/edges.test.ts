import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { findEdges } from "../../../cluster/mutator/edges.ts";
import { judge, verdictText, withBroken } from "../../../cluster/mutator/judge.ts";
import { pathText } from "../../../cluster/mutator/json.ts";

const DEPLOYMENT: KubernetesObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "serve", namespace: "slipway" },
  spec: {
    selector: { matchLabels: { app: "serve" } },
    template: {
      metadata: { labels: { app: "serve" } },
      spec: {
        serviceAccountName: "serve",
        containers: [
          {
            name: "serve",
            image: "registry.example.com/slipway@sha256:00aa",
            args: ["--config=/etc/slipway/platform.yaml", "--upstream=http://control.slipway.svc:4600/x"],
            env: [{ name: "URL", valueFrom: { secretKeyRef: { name: "database", key: "url" } } }],
            readinessProbe: { httpGet: { path: "/health", port: "http" } },
            ports: [{ name: "http", containerPort: 4600 }],
            volumeMounts: [{ name: "config", mountPath: "/etc/slipway" }],
          },
        ],
        volumes: [{ name: "config", configMap: { name: "settings" } }],
      },
    },
  },
};

const RULE: KubernetesObject = {
  apiVersion: "monitoring.coreos.com/v1",
  kind: "PrometheusRule",
  metadata: { name: "alerts", namespace: "slipway" },
  spec: {
    groups: [
      {
        name: "slipway",
        rules: [
          {
            alert: "Slow",
            expr: 'histogram_quantile(0.95, sum by (le, service) (rate(slipway_seconds_bucket{code!~"5.."}[5m]))) > 0.2 and on (service) up == 1',
            annotations: { summary: "{{ $labels.service }} is slow" },
          },
        ],
      },
    ],
  },
};

const BOARD: KubernetesObject = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "board", namespace: "slipway" },
  data: { "board.json": JSON.stringify({ panels: [{ targets: [{ expr: "sum(up)" }] }] }) },
};

const POLICY: KubernetesObject = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "scrape", namespace: "team-a" },
  spec: {
    podSelector: {},
    ingress: [
      {
        from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }],
        ports: [{ port: 9090 }, { port: 9091 }],
      },
    ],
  },
};

const ROLE: KubernetesObject = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "Role",
  metadata: { name: "serve", namespace: "slipway" },
  rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }],
};

function found(object: KubernetesObject): string[] {
  return findEdges([object]).map(
    ({ rule, path, broken }) => `${rule} ${pathText(path)} = ${JSON.stringify(broken)}`,
  );
}

describe("the edges that the mutator finds", () => {
  it("of a workload", () => {
    expect(found(DEPLOYMENT)).toMatchInlineSnapshot(`
      [
        "object's version apiVersion = "apps/v1alpha1"",
        "own namespace metadata.namespace = "slipway-gone"",
        "selector spec.selector.matchLabels.app = "serve-gone"",
        "named field spec.template.spec.serviceAccountName = "serve-gone"",
        "image spec.template.spec.containers[0].image = "registry.example.com/slipway@sha256:00a0"",
        "file under a mount spec.template.spec.containers[0].args[0] = "--config=/etc/slipway-gone/platform.yaml"",
        "host's service spec.template.spec.containers[0].args[1] = "--upstream=http://control-gone.slipway.svc:4600/x"",
        "host's namespace spec.template.spec.containers[0].args[1] = "--upstream=http://control.slipway-gone.svc:4600/x"",
        "host's port spec.template.spec.containers[0].args[1] = "--upstream=http://control.slipway.svc:24600/x"",
        "reference spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef.name = "database-gone"",
        "key of a reference spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef.key = "url-gone"",
        "path of a request spec.template.spec.containers[0].readinessProbe.httpGet.path = "/health-gone"",
        "field port spec.template.spec.containers[0].readinessProbe.httpGet.port = "http-gone"",
        "volume mount spec.template.spec.containers[0].volumeMounts[0].name = "config-gone"",
        "reference spec.template.spec.volumes[0].configMap.name = "settings-gone"",
      ]
    `);
  });

  it("of PromQL, by words and what stands around them", () => {
    const texts = findEdges([RULE, BOARD]).map(
      ({ category, broken }) => `${category} ${JSON.stringify(broken)}`,
    );
    expect(texts).toMatchInlineSnapshot(`
      [
        "versions "monitoring.coreos.com/v1alpha1"",
        "names "slipway-gone"",
        "labels "histogram_quantile(0.95, sum by (le_gone, service) (rate(slipway_seconds_bucket{code!~\\"5..\\"}[5m]))) > 0.2 and on (service) up == 1"",
        "labels "histogram_quantile(0.95, sum by (le, service_gone) (rate(slipway_seconds_bucket{code!~\\"5..\\"}[5m]))) > 0.2 and on (service) up == 1"",
        "metrics "histogram_quantile(0.95, sum by (le, service) (rate(slipway_seconds_bucket_gone{code!~\\"5..\\"}[5m]))) > 0.2 and on (service) up == 1"",
        "labels "histogram_quantile(0.95, sum by (le, service) (rate(slipway_seconds_bucket{code_gone!~\\"5..\\"}[5m]))) > 0.2 and on (service) up == 1"",
        "labels "histogram_quantile(0.95, sum by (le, service) (rate(slipway_seconds_bucket{code!~\\"5..\\"}[5m]))) > 0.2 and on (service_gone) up == 1"",
        "metrics "histogram_quantile(0.95, sum by (le, service) (rate(slipway_seconds_bucket{code!~\\"5..\\"}[5m]))) > 0.2 and on (service) up_gone == 1"",
        "labels "{{ $labels.service_gone }} is slow"",
        "versions "v1alpha1"",
        "names "slipway-gone"",
        "metrics "sum(up_gone)"",
      ]
    `);
  });

  it("of a network policy and of rights", () => {
    expect([...found(POLICY), ...found(ROLE)]).toMatchInlineSnapshot(`
      [
        "object's version apiVersion = "networking.k8s.io/v1alpha1"",
        "own namespace metadata.namespace = "team-a-gone"",
        "policy's from closed spec.ingress[0] = undefined",
        "policy's from opened spec.ingress[0].from[0] = {"namespaceSelector":{},"podSelector":{}}",
        "selector spec.ingress[0].from[0].namespaceSelector.matchLabels.kubernetes.io/metadata.name = "monitoring-gone"",
        "policy's ports closed spec.ingress[0].ports[0] = undefined",
        "policy's ports closed spec.ingress[0].ports[1] = undefined",
        "object's version apiVersion = "rbac.authorization.k8s.io/v1alpha1"",
        "own namespace metadata.namespace = "slipway-gone"",
        "group rules[0].apiGroups[0] = "core.gone"",
        "resource rules[0].resources[0] = "podsgone"",
        "verb taken away rules[0].verbs[0] = undefined",
        "every verb instead of one rules[0].verbs[0] = "*"",
        "verb taken away rules[0].verbs[1] = undefined",
        "every verb instead of one rules[0].verbs[1] = "*"",
      ]
    `);
  });
});

describe("breaking an edge", () => {
  it("changes one object and leaves the rest as it was", () => {
    const objects = [DEPLOYMENT, BOARD];
    const edge = findEdges(objects).find(({ rule }) => rule === "metric of a query")!;
    const [deployment, board] = withBroken(objects, edge);
    expect(deployment).toBe(DEPLOYMENT);
    expect((board!["data"] as Record<string, string>)["board.json"]).toContain("sum(up_gone)");
    expect((BOARD["data"] as Record<string, string>)["board.json"]).toContain("sum(up)");
  });

  it("counts what a proof says new, names the rest, and breaks nothing that there is an excuse for", () => {
    const verbs = (objects: readonly KubernetesObject[]) =>
      objects.flatMap(({ rules }) =>
        ((rules ?? []) as { verbs: string[] }[]).map((rule) => rule.verbs.join()),
      );
    const excuses = [{ reason: "known", covers: ({ rule }: { rule: string }) => rule === "resource" }];
    const verdict = judge([ROLE], findEdges([ROLE]), verbs, excuses);
    expect(verdict.byCategory.get("verbs")).toEqual({ total: 5, caught: 4 });
    expect([...verdict.excused]).toEqual([["known", 1]]);
    expect(verdictText(verdict)).toContain("left out, 1: known");
    expect(verdictText(verdict)).toMatch(/NOT CAUGHT: \w+.*: Role/);
  });
});
