import { beforeAll, describe, expect, test } from "vitest";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { Field } from "../../../../src/targets/kubernetes/wiring/field.ts";
import { broken, problems } from "../components/platform.ts";
import { objectIn, twoTenants } from "./two-tenants.ts";

let rendered: Rendered;
beforeAll(() => {
  rendered = twoTenants();
});

const spec = (kind: string, namespace: string, name: string) =>
  new Field(objectIn(rendered, kind, namespace, name)).at("spec");

describe("an image that serves by itself", () => {
  test("is a Deployment without a number of replicas, since the autoscaler says it", () => {
    const own = spec("Deployment", "team-a", "fraud");
    expect(own.at("replicas").exists).toBe(false);
    const scaler = objectIn(rendered, "HorizontalPodAutoscaler", "team-a", "fraud");
    expect(scaler.apiVersion).toBe("autoscaling/v2");
    expect(scaler["spec"]).toMatchObject({
      minReplicas: 2,
      maxReplicas: 10,
      metrics: [{ resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } }],
    });
  });

  test("is asked whether it lives and whether it predicts, and has its secrets by reference", () => {
    const [container] = spec("Deployment", "team-a", "fraud").at("template", "spec", "containers").items;
    expect(container?.value).toMatchObject({
      livenessProbe: { httpGet: { path: "/v2/health/live", port: "http" } },
      readinessProbe: { httpGet: { path: "/v2/health/ready", port: "http" } },
      env: [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "features", key: "token" } } }],
    });
  });

  test("stays while a node is emptied", () => {
    expect(spec("PodDisruptionBudget", "team-a", "fraud").at("maxUnavailable").number).toBe(1);
  });
});

describe("a model for KServe", () => {
  test("is an InferenceService in Standard mode, without a canary that nothing reads", () => {
    const service = objectIn(rendered, "InferenceService", "team-b", "iris");
    expect(service.metadata.annotations).toMatchObject({
      "serving.kserve.io/deploymentMode": "Standard",
      "serving.kserve.io/autoscalerClass": "hpa",
    });
    expect(JSON.stringify(service)).not.toContain("canaryTrafficPercent");
    expect(service["spec"]).toMatchObject({
      predictor: {
        minReplicas: 2,
        maxReplicas: 10,
        scaleMetric: "cpu",
        scaleTarget: 50,
        model: { runtime: "kserve-sklearnserver", protocolVersion: "v2", storageUri: "s3://models/iris" },
      },
    });
  });

  test("reads its store by keys that a person gave", () => {
    expect(objectIn(rendered, "ServiceAccount", "team-b", "serving")["secrets"]).toEqual([
      { name: "models" },
    ]);
    const without = twoTenants((text) => text.replace(/ {4}- \{ namespace: team-b, name: models.*\n/, ""));
    expect(broken(without).map(({ code }) => code)).toContain("secret-not-given");
  });

  test("in a format of no runtime is found", () => {
    const other = twoTenants((text) => text.replace("format: sklearn", "format: parchment"));
    expect(broken(other).map(({ code }) => code)).toContain("serving-runtime");
  });

  test("isn't scaled to nothing, which this mode can't", () => {
    expect(
      problems(`tenants:
  - name: team-a
    quota: { cpu: 1, memory: 1Gi }
    services: [{ name: a, image: "registry.example.com/a:1", scale: { min: 0 } }]
`).join("\n"),
    ).toContain("min");
  });
});

describe("the route", () => {
  test("is one host name a tenant, by the paths of the Open Inference Protocol, with a weight", () => {
    expect(objectIn(rendered, "HTTPRoute", "team-b", "iris")["spec"]).toEqual({
      parentRefs: [{ name: "platform", namespace: "gateway", sectionName: "https" }],
      hostnames: ["team-b.ml.example.com"],
      rules: [
        {
          matches: [
            { path: { type: "PathPrefix", value: "/v2/models/iris" } },
            { path: { type: "PathPrefix", value: "/v1/models/iris" } },
            { path: { type: "Exact", value: "/v1/models/iris:predict" } },
          ],
          backendRefs: [{ name: "iris-predictor", port: 80, weight: 100 }],
        },
      ],
    });
  });
});

describe("alerts", () => {
  const rules = () =>
    spec("PrometheusRule", "team-a", "services").at("groups").items[0]?.at("rules").items ?? [];

  test("are about what the gateway counts, by the tenant's own limits", () => {
    expect(rules().map((rule) => rule.at("expr").text)).toEqual([
      'histogram_quantile(0.95, sum by (le) (rate(traefik_service_request_duration_seconds_bucket{service="team-a-fraud-http-80@kubernetesgateway"}[5m]))) > 0.2',
      'sum(rate(traefik_service_requests_total{service="team-a-fraud-http-80@kubernetesgateway",code=~"5.."}[5m])) / sum(rate(traefik_service_requests_total{service="team-a-fraud-http-80@kubernetesgateway"}[5m])) > 0.02',
    ]);
  });

  test("have the tenant's namespace, by which they are routed, and not the gateway's", () => {
    for (const rule of rules()) expect(rule.at("labels", "namespace").text).toBe("team-a");
    const config = objectIn(rendered, "AlertmanagerConfig", "team-a", "alerts");
    expect(config.metadata.labels).toMatchObject({ receivers: "true" });
    expect(config["spec"]).toMatchObject({
      route: { receiver: "tenant" },
      receivers: [{ name: "tenant", webhookConfigs: [{ urlSecret: { name: "alerts", key: "url" } }] }],
    });
  });

  test("fit Envoy's names and milliseconds where it serves", () => {
    const other = twoTenants((text) =>
      text.replace("gateway: {}", "gateway: { implementation: envoyGateway }"),
    );
    const rule = new Field(objectIn(other, "PrometheusRule", "team-a", "services"));
    expect(rule.at("spec", "groups").items[0]?.at("rules").items[0]?.at("expr").text).toBe(
      'histogram_quantile(0.95, sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=~"httproute/team-a/fraud/rule/.*"}[5m]))) > 200',
    );
  });
});
