import { beforeAll, describe, expect, test } from "vitest";
import { evaluate } from "../../../../src/targets/kubernetes/network/evaluate.ts";
import type { Protocol } from "../../../../src/targets/kubernetes/network/policy.ts";
import { addressParty, networkView } from "../../../../src/targets/kubernetes/network/view.ts";
import type { NetworkView, Party } from "../../../../src/targets/kubernetes/network/view.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { broken } from "../components/platform.ts";
import { brokenBy, objectIn, twoTenants } from "./two-tenants.ts";

let rendered: Rendered;
let view: NetworkView;
beforeAll(() => {
  rendered = twoTenants();
  const intruders = ["elsewhere"].map((name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    // What published blueprints select by, and anyone can put on a namespace.
    metadata: { name, labels: { name: "monitoring", "slipway.dev/tenant": "team-a" } },
  }));
  view = networkView([...rendered.objects.map(({ object }) => object), ...intruders]);
});

function pod(namespace: string, labels: Record<string, string> = {}): Party {
  return { kind: "pod", pod: { namespace, name: "asked", labels, ports: [], hostNetwork: false } };
}

const FRAUD = { "slipway.dev/service": "fraud" };
const CONTROL = { "app.kubernetes.io/name": "slipway", "app.kubernetes.io/component": "control" };
/** As control makes them. */
const MODEL = { "app.kubernetes.io/managed-by": "slipway-control" };
const SERVE = { ...CONTROL, "app.kubernetes.io/component": "serve" };

function ask(from: Party, to: Party, port: number, protocol: Protocol = "TCP"): string {
  return evaluate(view, { from, to, port, protocol }).answer;
}

test("a platform with two tenants is wired to what is there", () => {
  expect(broken(rendered)).toEqual([]);
});

describe("what a tenant needs is open", () => {
  test.each([["UDP"], ["TCP"]] as const)("DNS over %s, for every pod", (protocol) => {
    const dns = pod("kube-system", { "k8s-app": "kube-dns" });
    expect(ask(pod("team-a"), dns, 53, protocol)).toBe("open");
    expect(ask(pod("team-a", FRAUD), dns, 53, protocol)).toBe("open");
  });

  test("the gateway, Prometheus and control, to the service's port", () => {
    const service = pod("team-a", FRAUD);
    expect(ask(pod("gateway", { "app.kubernetes.io/name": "traefik" }), service, 8080)).toBe("open");
    expect(ask(pod("monitoring", { app: "prometheus" }), service, 8080)).toBe("open");
    expect(ask(pod("slipway", CONTROL), service, 8080)).toBe("open");
  });

  test("tracking, the object store and the API server, from every pod", () => {
    expect(ask(pod("team-a"), pod("slipway", SERVE), 4600)).toBe("open");
    expect(ask(pod("team-a"), addressParty("203.0.113.7/32"), 443)).toBe("open");
    expect(ask(pod("team-a"), addressParty("203.0.113.7/32"), 6443)).toBe("open");
  });
});

describe("everything else is closed", () => {
  test("another tenant, whatever its pods are called", () => {
    expect(ask(pod("team-b"), pod("team-a", FRAUD), 8080)).toBe("closed");
    expect(ask(pod("team-b", { app: "prometheus" }), pod("team-a", FRAUD), 8080)).toBe("closed");
    expect(ask(pod("team-b"), pod("team-a"), 8080)).toBe("closed");
  });

  test("a namespace that labels itself as one that is let in", () => {
    expect(ask(pod("elsewhere", { app: "prometheus" }), pod("team-a", FRAUD), 8080)).toBe("closed");
    expect(ask(pod("elsewhere"), pod("slipway", SERVE), 4600)).toBe("closed");
  });

  test("other pods beside the gateway and Prometheus, and other ports", () => {
    expect(ask(pod("gateway"), pod("team-a", FRAUD), 8080)).toBe("closed");
    expect(ask(pod("monitoring"), pod("team-a", FRAUD), 8080)).toBe("closed");
    expect(ask(pod("gateway", { "app.kubernetes.io/name": "traefik" }), pod("team-a", FRAUD), 22)).toBe(
      "closed",
    );
  });

  test("a pod of the tenant that is no service, for everyone", () => {
    expect(ask(pod("gateway", { "app.kubernetes.io/name": "traefik" }), pod("team-a"), 8080)).toBe("closed");
    expect(ask(addressParty("203.0.113.7/32"), pod("team-a", FRAUD), 8080)).toBe("closed");
  });

  test("control and the addresses of a cloud's credentials, for a tenant", () => {
    expect(ask(pod("team-a"), pod("slipway", CONTROL), 4610)).toBe("closed");
    expect(ask(pod("team-a"), pod("slipway", SERVE), 4605)).toBe("closed");
    expect(ask(pod("team-a"), addressParty("169.254.169.254/32"), 80)).toBe("closed");
  });

  test("a tenant's models, for everybody but serve", () => {
    expect(ask(pod("slipway", SERVE), pod("team-a", MODEL), 4620)).toBe("open");
    expect(ask(pod("team-b", MODEL), pod("team-a", MODEL), 4620)).toBe("closed");
    expect(ask(pod("slipway", CONTROL), pod("team-a", MODEL), 4620)).toBe("closed");
    expect(ask(pod("team-a", MODEL), pod("slipway", SERVE), 4600)).toBe("open");
  });
});

interface Rule {
  ports: { port: number }[];
  from?: { namespaceSelector: { matchLabels: Record<string, string> } }[];
}
interface Policy {
  podSelector: object;
  ingress?: Rule[];
  egress?: Rule[];
}

function policyOf(object: KubernetesObject, namespace = "team-a"): Policy | undefined {
  return object.kind === "NetworkPolicy" && object.metadata.namespace === namespace
    ? (object["spec"] as Policy)
    : undefined;
}

describe("each mistake that isolation is known for is found by the proof", () => {
  test("DNS blocked: egress is listed, and names can't be looked up", () => {
    const found = brokenBy(rendered, (object) => {
      const { egress } = policyOf(object) ?? {};
      if (egress === undefined) return object;
      const spec = { ...policyOf(object), egress: egress.filter(({ ports }) => ports[0]?.port !== 53) };
      return { ...object, spec };
    });
    expect(found.join("\n")).toMatch(
      /network-path-blocked: tenants\/team-a needs .*port 53\/UDP \(look up names\)/,
    );
  });

  test("Prometheus blocked: ingress from the own namespace and the gateway only", () => {
    const found = brokenBy(rendered, (object) => {
      const { ingress } = policyOf(object) ?? {};
      if (ingress === undefined) return object;
      const isScrape = ({ from = [] }: Rule) =>
        from.some(
          ({ namespaceSelector }) =>
            namespaceSelector.matchLabels["kubernetes.io/metadata.name"] === "monitoring",
        );
      return { ...object, spec: { ...policyOf(object), ingress: ingress.filter((rule) => !isScrape(rule)) } };
    });
    expect(found.join("\n")).toMatch(/network-path-blocked: .*\(scrape metrics\)/);
  });

  test("a namespace selected by a label that isn't automatic", () => {
    const found = brokenBy(
      rendered,
      (object) =>
        (policyOf(object) === undefined
          ? object
          : JSON.parse(
              JSON.stringify(object).replaceAll("kubernetes.io/metadata.name", "name"),
            )) as KubernetesObject,
    );
    expect(found.join("\n")).toMatch(/network-path-blocked/);
  });

  test("a default-deny that selects one app", () => {
    const found = brokenBy(rendered, (object) =>
      object.metadata.name === "default-deny" && policyOf(object) !== undefined
        ? { ...object, spec: { ...policyOf(object), podSelector: { matchLabels: FRAUD } } }
        : object,
    );
    expect(found.join("\n")).toMatch(/tenant-not-isolated: .*a pod without labels in team-a/);
  });

  test("a path that nothing needs", () => {
    const found = brokenBy(rendered, (object) =>
      object.metadata.name === "service-fraud"
        ? { ...object, spec: { ...policyOf(object), ingress: [{ from: [{ namespaceSelector: {} }] }] } }
        : object,
    );
    expect(found.join("\n")).toMatch(/network-path-unneeded/);
  });
});

describe("isolation is more than the network", () => {
  test("the namespace refuses pods that could leave their container", () => {
    const home = rendered.objects.find(
      ({ object }) => object.kind === "Namespace" && object.metadata.name === "team-a",
    );
    expect(home?.object.metadata.labels).toMatchObject({
      "pod-security.kubernetes.io/enforce": "restricted",
    });
  });

  test("a quota, and no Service that goes around the gateway", () => {
    expect(objectIn(rendered, "ResourceQuota", "team-a", "quota")["spec"]).toEqual({
      hard: {
        "requests.cpu": "8",
        "requests.memory": "16Gi",
        "requests.storage": "50Gi",
        pods: "40",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
      },
    });
  });

  test("a container that asks for nothing gets what the quota needs to count, within it", () => {
    const limits = (memory: string) =>
      objectIn(
        twoTenants((text) => text.replace("{ cpu: 4, memory: 8Gi", `{ cpu: 4, memory: ${memory}`)),
        "LimitRange",
        "team-b",
        "limits",
      )["spec"];
    expect(limits("8Gi")).toMatchObject({
      limits: [
        {
          type: "Container",
          defaultRequest: { cpu: "100m", memory: "128Mi" },
          default: { memory: "512Mi" },
          max: { memory: "8Gi" },
        },
        { type: "PersistentVolumeClaim", max: { storage: "50Gi" } },
      ],
    });
  });

  test("a model on the internet is fetched by its service alone, and not from the cluster's neighbours", () => {
    const other = twoTenants((text) => text.replace("s3://models/iris", "https://example.com/iris.joblib"));
    const fetch = objectIn(other, "NetworkPolicy", "team-b", "load-iris")["spec"];
    expect(fetch).toMatchObject({
      podSelector: { matchLabels: { "slipway.dev/service": "iris" } },
      egress: [{ to: [{ ipBlock: { except: expect.arrayContaining(["169.254.0.0/16", "10.0.0.0/8"]) } }] }],
    });
  });
});
