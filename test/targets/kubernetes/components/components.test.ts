import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineComponent } from "../../../../src/targets/kubernetes/component.ts";
import { renderedFiles } from "../../../../src/targets/kubernetes/render/files.ts";
import { Field } from "../../../../src/targets/kubernetes/wiring/field.ts";
import { broken, bytes, find, problems, small } from "./platform.ts";

const REPOSITORY = "{ repository: 'https://git.example.com/env.git', path: deploy }";
const STORE = "{ endpoint: 'https://s3.example.com', bucket: models, credentials: { secret: objects } }";
const GIVEN_STORE = `given:
  namespaces: [slipway]
  secrets: [{ namespace: slipway, name: objects, keys: [accessKeyId, secretAccessKey] }]
`;
const GIVEN_FLUX = `given:
  namespaces: [flux-system]
  definitions:
    - { apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository }
    - { apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization }
`;

const PLATFORMS: Record<string, string> = {
  "certManager with an authority of its own": "components: { certManager: {} }\n",
  "certManager with a given authority": `given: { secrets: [{ namespace: cert-manager, name: ours, keys: [tls.crt, tls.key] }] }
components: { certManager: { issuer: { ca: { secret: ours } } } }
`,
  "certManager with ACME": `given: { secrets: [{ namespace: cert-manager, name: dns, keys: [token] }] }
components:
  certManager: { issuer: { acme: { email: a@example.com, dns01: { cloudflare: { token: { secret: dns, key: token } } } } } }
`,
  "gateway by Traefik": "components: { gateway: {} }\n",
  "gateway by Traefik, with TLS":
    "components: { certManager: {}, gateway: { service: NodePort, nodePorts: {} } }\n",
  "gateway by Envoy Gateway": "components: { certManager: {}, gateway: { implementation: envoyGateway } }\n",
  argoWorkflows: "components: { argoWorkflows: {} }\n",
  kserve: "components: { certManager: {}, gateway: {}, kserve: {} }\n",
  argoCd: `components: { certManager: {}, gateway: {}, argoCd: ${REPOSITORY} }\n`,
  flux: `${GIVEN_FLUX}components: { certManager: {}, gateway: {}, argoWorkflows: {}, flux: ${REPOSITORY} }\n`,
  objectStore: `${GIVEN_STORE}components: { objectStore: ${STORE} }\n`,
  "postgresql by its address": `given: { secrets: [{ namespace: slipway, name: db, keys: [url] }] }
components: { postgresql: { url: { secret: db, key: url } } }
`,
  "postgresql by CloudNativePG": `${GIVEN_STORE}components: { objectStore: ${STORE}, postgresql: { cloudNativePg: { backups: {} } } }\n`,
};

describe.each(Object.entries(PLATFORMS))("%s", (_, platform) => {
  test("is the same bytes every time, and wired to what is there", () => {
    const rendered = small(platform);
    expect(bytes(small(platform))).toBe(bytes(rendered));
    expect(broken(rendered)).toEqual([]);
  });

  test("asks for what its own pods need, names no image that floats, and no secret's value", () => {
    const { objects } = small(platform);
    for (const { object, chart } of objects) {
      const containers = new Field(object).at("spec", "template", "spec", "containers").items;
      for (const container of containers) {
        expect(container.at("image").text).not.toMatch(/:latest$/);
        if (chart !== undefined) continue;
        for (const asked of ["cpu", "memory"])
          expect(container.at("resources", "requests", asked).exists, object.metadata.name).toBe(true);
        expect(container.at("resources", "limits", "memory").exists).toBe(true);
      }
      if (object.kind === "Secret")
        expect([object["data"], object["stringData"]]).toEqual([undefined, undefined]);
    }
  });
});

test("what is read of charts is what makes their kinds", () => {
  const { charts, objects } = small(PLATFORMS["kserve"] ?? "");
  expect(charts.map(({ row, state }) => [row, state])).toEqual([
    ["cert-manager", "read"],
    ["gateway-api", "read"],
    ["kserve-crd", "read"],
    ["kserve", "read"],
    ["kserve-runtimes", "read"],
  ]);
  expect(objects.filter(({ object }) => object.kind === "CustomResourceDefinition").length).toBeGreaterThan(
    15,
  );
});

test("what is emitted is scraped where there is Prometheus, by a path that is open", () => {
  const labels = { app: "prometheus" };
  const container = {
    name: "prometheus",
    image: "registry.example.com/prometheus:1",
    resources: { requests: { cpu: "1", memory: "1Gi" } },
  };
  const prometheus = defineComponent({
    name: "prometheus",
    summary: "Stands in for Prometheus.",
    options: z.strictObject({}),
    locked: [],
    publish: () => ({
      monitoring: {
        pods: { namespace: "monitoring", labels },
        monitorLabels: { watched: "true" },
        ruleLabels: {},
        receiverLabels: {},
        dashboardLabels: {},
      },
    }),
    render: () => ({
      objects: [
        { object: { apiVersion: "v1", kind: "Namespace", metadata: { name: "monitoring" } }, from: [] },
        {
          object: {
            apiVersion: "apps/v1",
            kind: "Deployment",
            metadata: { name: "prometheus", namespace: "monitoring" },
            spec: {
              selector: { matchLabels: labels },
              template: { metadata: { labels }, spec: { containers: [container] } },
            },
          },
          from: [],
        },
      ],
    }),
  });
  const rendered = small(
    `images: { prometheus: "registry.example.com/prometheus:1" }
given:
  namespaces: [slipway]
  secrets: [{ namespace: slipway, name: objects, keys: [accessKeyId, secretAccessKey] }]
  definitions: [{ apiVersion: monitoring.coreos.com/v1, kind: PodMonitor }]
components:
  certManager: {}
  gateway: {}
  argoWorkflows: {}
  kserve: {}
  objectStore: ${STORE}
  postgresql: { cloudNativePg: { instances: 3 } }
  argoCd: ${REPOSITORY}
  prometheus: {}
`,
    [prometheus],
  );
  expect(rendered.emits.map(({ component }) => component)).toEqual([
    "certManager",
    "gateway",
    "postgresql",
    "argoWorkflows",
    "argoCd",
  ]);
  expect(rendered.paths.filter(({ why }) => why === "scrape metrics")).toHaveLength(rendered.emits.length);
  expect(broken(rendered)).toEqual([]);
});

describe("mistakes that such platforms are known for", () => {
  test("KServe runs in Standard mode, knows the gateway and makes no routes of its own", () => {
    const config = find(small(PLATFORMS["kserve"] ?? ""), "ConfigMap", "inferenceservice-config")[
      "data"
    ] as Record<string, string>;
    expect(JSON.parse(config["deploy"] ?? "")).toMatchObject({ defaultDeploymentMode: "Standard" });
    expect(JSON.parse(config["ingress"] ?? "")).toMatchObject({
      enableGatewayApi: true,
      disableIngressCreation: true,
      kserveIngressGateway: "gateway/platform",
      ingressDomain: "ml.example.com",
    });
  });

  test("certificates aren't signed by themselves each, and a wildcard isn't asked of the HTTP challenge", () => {
    const own = small(PLATFORMS["certManager with an authority of its own"] ?? "");
    expect(find(own, "ClusterIssuer", "platform")["spec"]).toEqual({
      ca: { secretName: "platform-authority" },
    });
    const acme = small(PLATFORMS["certManager with ACME"] ?? "");
    expect(
      new Field(find(acme, "ClusterIssuer", "platform")).at("spec", "acme", "solvers").items,
    ).toHaveLength(1);
    expect(
      problems("components: { certManager: { issuer: { acme: { email: a@example.com } } } }\n"),
    ).not.toEqual([]);
    expect(problems("components: { certManager: { issuer: { acme: {}, selfSigned: {} } } }\n")).not.toEqual(
      [],
    );
  });

  test("Traefik's listeners have the ports of its entry points, and HTTP leads to HTTPS", () => {
    const rendered = small(PLATFORMS["gateway by Traefik, with TLS"] ?? "");
    const listeners = new Field(find(rendered, "Gateway", "platform")).at("spec", "listeners").items;
    const args = new Field(find(rendered, "Deployment", "traefik"))
      .at("spec", "template", "spec", "containers")
      .items.flatMap((one) => one.at("args").texts);
    for (const listener of listeners)
      expect(args.some((arg) => arg.endsWith(`.address=:${listener.at("port").number}`))).toBe(true);
    expect(find(rendered, "HTTPRoute", "to-https")).toBeDefined();
  });

  test("workflows go away after their end, and their controller's metrics can be scraped", () => {
    const config = find(
      small(PLATFORMS["argoWorkflows"] ?? ""),
      "ConfigMap",
      "workflow-controller-configmap",
    );
    const data = config["data"] as Record<string, string>;
    expect(data["workflowDefaults"]).toContain("secondsAfterCompletion: 604800");
    expect(data["metricsConfig"]).toContain("secure: false");
  });

  test("Argo CD waits for waves, applies on the server, prunes and heals", () => {
    const rendered = small(PLATFORMS["argoCd"] ?? "");
    const data = find(rendered, "ConfigMap", "argocd-cm")["data"] as Record<string, string>;
    expect(data["resource.customizations.health.argoproj.io_Application"]).toContain(
      "obj.status.health.status",
    );
    const root = find(rendered, "Application", "platform");
    expect(root["spec"]).toMatchObject({
      source: { path: "deploy/components/argoCd" },
      syncPolicy: { automated: { prune: true, selfHeal: true } },
    });
    const wave = (name: string) =>
      Number(find(rendered, "Application", name).metadata.annotations?.["argocd.argoproj.io/sync-wave"]);
    expect(wave("platform")).toBeLessThan(wave("component-cert-manager"));
    expect(wave("component-cert-manager")).toBeLessThan(wave("component-gateway"));
    expect(find(rendered, "Deployment", "argocd-server")).toBeDefined();
    expect(() => find(rendered, "Deployment", "argocd-dex-server")).toThrow("there is no");
  });

  test("an engine is pointed at folders that there are", () => {
    const rendered = small(`given:
  namespaces: [slipway]
  secrets:
    - { namespace: slipway, name: objects, keys: [accessKeyId, secretAccessKey] }
    - { namespace: slipway, name: db, keys: [url] }
components:
  certManager: {}
  objectStore: ${STORE}
  postgresql: { url: { secret: db, key: url } }
  argoCd: ${REPOSITORY}
`);
    const files = [...renderedFiles(rendered).keys()];
    for (const { object } of rendered.objects.filter(({ object }) => object.kind === "Application")) {
      const path = new Field(object).at("spec", "source", "path").text ?? "";
      expect(files).toContain(`${path.replace("deploy/", "")}/kustomization.yaml`);
    }
  });

  test("Flux delivers the same parts in the same order", () => {
    const rendered = small(PLATFORMS["flux"] ?? "");
    const gateway = find(rendered, "Kustomization", "component-gateway")["spec"];
    expect(gateway).toMatchObject({
      path: "./deploy/components/gateway",
      dependsOn: [{ name: "component-cert-manager" }],
      prune: true,
      wait: true,
    });
    expect(find(rendered, "Kustomization", "component-cert-manager")["spec"]).not.toHaveProperty("dependsOn");
  });

  test("a database that CloudNativePG runs is backed up into the bucket, by keys in a Secret", () => {
    const spec = new Field(
      find(small(PLATFORMS["postgresql by CloudNativePG"] ?? ""), "Cluster", "slipway-db"),
    ).at("spec");
    expect(spec.at("backup", "barmanObjectStore").value).toMatchObject({
      destinationPath: "s3://models/postgresql",
      s3Credentials: { accessKeyId: { name: "objects", key: "accessKeyId" } },
    });
  });
});

describe("a chart that can't be read", () => {
  const envoy = (engine: string) =>
    small(`components: { gateway: { implementation: envoyGateway }, ${engine}: ${REPOSITORY} }\n`);

  test("is an Application where Argo CD delivers", () => {
    const rendered = envoy("argoCd");
    expect(rendered.charts.find(({ row }) => row === "envoy-gateway")?.state).toBe("reference");
    expect(find(rendered, "Application", "chart-eg")["spec"]).toMatchObject({
      source: {
        repoURL: "docker.io/envoyproxy",
        chart: "gateway-helm",
        helm: { releaseName: "eg", valuesObject: { deployment: {} } },
      },
      destination: { namespace: "envoy-gateway-system" },
    });
    expect(broken(rendered)).toEqual([]);
  });

  test("is a source and a HelmRelease where Flux does", () => {
    const rendered = envoy("flux");
    expect(find(rendered, "OCIRepository", "chart-eg")["spec"]).toMatchObject({
      url: "oci://docker.io/envoyproxy/gateway-helm",
    });
    expect(find(rendered, "HelmRelease", "chart-eg")["spec"]).toMatchObject({
      chartRef: { kind: "OCIRepository", name: "chart-eg", namespace: "flux-system" },
      targetNamespace: "envoy-gateway-system",
    });
  });

  test("is in the lock, and what isn't used isn't", () => {
    expect(envoy("argoCd").locked.map(({ row }) => row)).toEqual(["argo-cd", "envoy-gateway"]);
  });
});

test("what can't be is refused", () => {
  expect(problems(`components: { argoCd: ${REPOSITORY}, flux: ${REPOSITORY} }\n`)).toEqual([
    "flux and argoCd exclude each other: both would rule the same objects",
  ]);
  expect(problems("components: { kserve: {} }\n")).toEqual([
    "kserve needs certManager",
    "kserve needs gateway",
  ]);
  expect(problems("components: { postgresql: {} }\n")).toHaveLength(1);
  expect(() => small("components: { postgresql: { cloudNativePg: { backups: {} } } }\n")).toThrow(
    expect.objectContaining({ code: "PLATFORM_FILE_INVALID" }),
  );
  expect(
    problems(
      "components: { objectStore: { endpoint: 'https://s3.example.com/b', bucket: b, credentials: { secret: s } } }\n",
    ),
  ).not.toEqual([]);
});
