import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { metricsOf } from "../../../../src/targets/kubernetes/promql/metrics-of.ts";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { can } from "../../../../src/targets/kubernetes/network/can.ts";
import { namedEnds } from "../../../../src/targets/kubernetes/wiring/named-ends.ts";
import { Field } from "../../../../src/targets/kubernetes/wiring/field.ts";
import { broken, bytes, find, small } from "./platform.ts";

const TENANTS = `tenants:
  - name: team-a
    quota: { cpu: 8, memory: 16Gi }
    services: [{ name: iris, image: "registry.example.com/iris:1.4.0" }]
  - name: team-b
    quota: { cpu: 8, memory: 16Gi }
    alerts: { receiver: { email: b@example.com } }
`;
const MAIL = "smtp: { host: mail.example.com, from: a@example.com }";
const SMALL = `components: { certManager: {}, gateway: {}, prometheus: { ${MAIL} } }\n${TENANTS}`;
const WHOLE = `given:
  secrets:
    - { namespace: slipway, name: objects, keys: [accessKeyId, secretAccessKey] }
    - { namespace: slipway, name: slipway-internal, keys: [token] }
    - { namespace: slipway, name: slipway-admin, keys: [token] }
    - { namespace: argocd, name: slipway-environment, keys: [url, username, password] }
    - { namespace: monitoring, name: grafana, keys: [password] }
    - { namespace: monitoring, name: ops, keys: [url] }
images: { slipway: "registry.example.com/slipway:1.0.0" }
components:
  certManager: {}
  gateway: {}
  objectStore: { endpoint: "https://s3.example.com", bucket: models, credentials: { secret: objects } }
  postgresql: { cloudNativePg: { instances: 2 } }
  argoCd: { repository: "https://git.example.com/env.git", path: deploy }
  slipway: {}
  prometheus:
    replicas: 2
    receiver: { slack: { channel: ops, secret: ops, key: url } }
    ${MAIL}
    grafana: { admin: { secret: grafana, key: password } }
${TENANTS}`;

const whole = small(WHOLE);

describe.each([
  ["a small platform", SMALL],
  ["a platform of many parts", WHOLE],
])("%s", (_, platform) => {
  test("is the same bytes every time, and wired to what is there", () => {
    const rendered = small(platform);
    expect(bytes(small(platform))).toBe(bytes(rendered));
    expect(broken(rendered)).toEqual([]);
  });
});

test("what it knows is of all tenants: its namespace is closed to them, and to whoever has no part in it", () => {
  const ends = namedEnds(whole);
  const answers = (from: string, to: string) => can(ends, from, to).map(({ answer }) => answer);
  for (const to of ["prometheus:9090", "alertmanager:9093", "grafana:3000", "kube-state-metrics:8080"])
    expect(answers("cert-manager", `monitoring/${to}`)).not.toContain("open");
  expect(answers("monitoring/grafana", "monitoring/prometheus-platform:9090")).toEqual(["open"]);
  expect(answers("monitoring/prometheus-platform", "monitoring/alertmanager:9093")).toEqual(["open"]);
  expect(answers("gateway/traefik", "monitoring/grafana:3000")).toEqual(["open"]);
});

type Change = (expr: string) => string;

/** An object with every expression of it changed; `seen` learns of each. */
function changed(object: KubernetesObject, change: Change): KubernetesObject {
  const board = new Field(object).at("data", "board.json").text;
  const inText = (text: string) =>
    text.replaceAll(/"expr":\s?("(?:[^"\\]|\\.)*")/g, (_, quoted: string) => {
      return `"expr":${JSON.stringify(change(JSON.parse(quoted) as string))}`;
    });
  if (object.kind === "PrometheusRule") return JSON.parse(inText(JSON.stringify(object))) as KubernetesObject;
  return board === undefined ? object : { ...object, data: { "board.json": inText(board) } };
}

/** What the proof says of the platform with all its expressions changed. */
function saidOf(change: Change): string {
  const objects = whole.objects.map((one) => ({ ...one, object: changed(one.object, change) }));
  return broken({ ...whole, objects })
    .map(({ message }) => message)
    .join("\n");
}

function replaced(object: KubernetesObject, from: string, to: string): Rendered {
  const instead = JSON.parse(JSON.stringify(object).replace(from, () => to)) as KubernetesObject;
  const objects = whole.objects.map((one) => (one.object === object ? { ...one, object: instead } : one));
  return { ...whole, objects };
}

describe("every expression", () => {
  const all = new Set<string>();
  for (const { object } of whole.objects)
    changed(object, (expr) => {
      all.add(expr);
      return expr;
    });
  const reads = [...all].flatMap((expr) => {
    const read = metricsOf(expr);
    return read.ok ? [read] : [];
  });
  const metrics = new Set(reads.flatMap((read) => read.metrics.map(({ name }) => name)));
  const labels = new Set(reads.flatMap((read) => read.metrics.flatMap((one) => one.labels)));
  const groupings = new Set(reads.flatMap((read) => read.groupings.flatMap((one) => one.labels)));

  test("is one", () => {
    expect(all.size).toBeGreaterThan(70);
    expect(reads.length).toBe(all.size);
  });

  test("breaks the plan when a metric in it is one that nobody emits", () => {
    const said = saidOf((expr) =>
      [...metrics].reduce(
        (text, name) => text.replaceAll(new RegExp(`\\b${name}\\b`, "g"), `${name}_x`),
        expr,
      ),
    );
    expect(metrics.size).toBeGreaterThan(50);
    for (const name of metrics) expect(said).toContain(`nothing emits the metric ${name}_x,`);
  });

  test("breaks the plan when a label in it is one that the metric hasn't", () => {
    const said = saidOf((expr) => expr.replaceAll(/\b(\w+)(?==["~]|!=|!~)/g, "$1_x"));
    expect(labels.size).toBeGreaterThan(15);
    // Prometheus's own series may have any.
    for (const label of labels)
      if (label !== "alertstate" && label !== "alertname") expect(said).toContain(`label "${label}_x"`);
  });

  test("breaks the plan when it sums by a label that the metric hasn't", () => {
    const said = saidOf((expr) =>
      expr.replaceAll(/\b(by|on) \(([^)]*)\)/g, (_, word: string, names: string) => {
        return `${word} (${names.replaceAll(/\w+/g, "$&_x")})`;
      }),
    );
    // Its only reader is a series of Prometheus's own.
    for (const label of groupings) if (label !== "severity") expect(said).toContain(`label "${label}_x"`);
  });
});

describe("a rule on what isn't there", () => {
  test("isn't made: without our own platform, Argo CD or a database of the cluster", () => {
    const names = (rendered: Rendered) =>
      rendered.objects
        .filter(
          ({ object }) => object.kind === "PrometheusRule" && object.metadata.namespace === "monitoring",
        )
        .map(({ object }) => object.metadata.name);
    expect(names(small("components: { prometheus: {} }\n"))).toEqual(["monitoring", "nodes", "workloads"]);
    expect(names(whole)).toEqual([
      "certificates",
      "database",
      "delivery",
      "monitoring",
      "nodes",
      "slipway",
      "workloads",
    ]);
  });
});

test("a tenant has the eight panels; without a gateway nobody counts its requests", () => {
  const titles = (rendered: Rendered) => {
    const { data } = find(rendered, "ConfigMap", "grafana-board-tenant-team-a") as unknown as {
      data: Record<string, string>;
    };
    const { panels } = JSON.parse(data["board.json"] ?? "") as { panels: { title: string }[] };
    return panels.map(({ title }) => title);
  };
  const pods = ["Ready pods", "Restarts", "CPU", "Memory", "Quota"];
  expect(titles(whole)).toEqual(["Requests", "Errors", "Latency", ...pods]);
  expect(titles(small(`components: { prometheus: { ${MAIL} } }\n${TENANTS}`))).toEqual(pods);
});

describe("alerts", () => {
  test("of a tenant go to the tenant, of the platform to the platform", () => {
    const alertmanager = new Field(find(whole, "Alertmanager", "platform")).at("spec");
    expect(alertmanager.at("alertmanagerConfigMatcherStrategy", "type").text).toBe("OnNamespace");
    const selected = alertmanager.at("alertmanagerConfigSelector", "matchLabels").value;
    expect(find(whole, "AlertmanagerConfig", "alerts").metadata).toMatchObject({
      namespace: "team-b",
      labels: selected,
    });
    const root = new Field(find(whole, "AlertmanagerConfig", "platform"));
    expect(root.at("spec", "receivers").items[0]?.at("slackConfigs").items[0]?.at("apiURL").value).toEqual({
      name: "ops",
      key: "url",
    });
    // It is the root by its name, and would otherwise be a tenant's, too.
    expect(root.at("metadata", "labels").value).not.toMatchObject(selected as object);
  });

  test("by email without a mail server are refused, and told by whom", () => {
    expect(() => small(`components: { prometheus: {} }\n${TENANTS}`)).toThrow(
      expect.objectContaining({
        code: "PLATFORM_FILE_INVALID",
        message: expect.stringContaining("no mail server"),
      }),
    );
  });

  test("and boards without a password have no account, and no route", () => {
    const env = (rendered: Rendered) =>
      new Field(find(rendered, "Deployment", "grafana"))
        .at("spec", "template", "spec", "containers")
        .items.flatMap((one) => one.at("env").items)
        .map((one) => one.at("name").text);
    expect(env(small(SMALL))).toContain("GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION");
    expect(env(whole)).toContain("GF_SECURITY_ADMIN_PASSWORD");
    expect(() => find(small(SMALL), "HTTPRoute", "grafana")).toThrow("there is no");
    expect(find(whole, "HTTPRoute", "grafana")["spec"]).toMatchObject({
      hostnames: ["grafana.ml.example.com"],
    });
  });
});

test("a receiver that no Alertmanager picks up, or names, breaks the plan", () => {
  const config = find(whole, "AlertmanagerConfig", "alerts");
  const label = "slipway.dev/monitoring";
  expect(broken(replaced(config, `"${label}"`, `"${label}-x"`)).map(({ message }) => message)).toContainEqual(
    expect.stringContaining("no Alertmanager whose alertmanagerConfigSelector"),
  );
  const alertmanager = find(whole, "Alertmanager", "platform");
  const named = '"alertmanagerConfiguration":{"name":"platform"';
  expect(broken(replaced(alertmanager, named, named.replace("platform", "plat")))).toContainEqual(
    expect.objectContaining({ code: "receiver" }),
  );
});

test("kubelets are found by the Service that the operator keeps", () => {
  const monitor = find(whole, "ServiceMonitor", "kubelets");
  expect(broken(replaced(monitor, "https-metrics", "metrics"))).toContainEqual(
    expect.objectContaining({ code: "service-port" }),
  );
  const operator = find(whole, "Deployment", "prometheus-operator");
  expect(broken(replaced(operator, "--kubelet-service=", "--no-service=")).map(({ code }) => code)).toContain(
    "metric-not-scraped",
  );
});
