import * as fc from "fast-check";
import { expect, test } from "vitest";
import { evaluate } from "../../../../src/targets/kubernetes/network/evaluate.ts";
import type { Answer } from "../../../../src/targets/kubernetes/network/evaluate.ts";
import { addressParty, networkView } from "../../../../src/targets/kubernetes/network/view.ts";
import type { Party } from "../../../../src/targets/kubernetes/network/view.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { bruteForce, universe } from "./brute-force.ts";

function namespace(name: string, labels: Record<string, string> = {}): KubernetesObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

function pod(
  place: string,
  labels: Record<string, string>,
  more: Record<string, unknown> = {},
): KubernetesObject {
  const [namespace = "", name = ""] = place.split("/");
  const ports = [
    { name: "http", containerPort: 8080 },
    { name: "dns", containerPort: 53, protocol: "UDP" },
  ];
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace, name },
    spec: { template: { metadata: { labels }, spec: { containers: [{ ports }], ...more } } },
  };
}

function policy(namespace: string, spec: Record<string, unknown>, name = "policy"): KubernetesObject {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace, name }, spec };
}

const WORLD = [
  namespace("a", { team: "a" }),
  namespace("b"),
  pod("a/web", { app: "web" }),
  pod("a/db", { app: "db" }),
  pod("b/web", { app: "web" }),
];

/** `b/web` is a pod, `192.0.2.1` an address. */
function ask(
  policies: KubernetesObject[],
  from: string,
  to: string,
  port = 8080,
  protocol: "TCP" | "UDP" = "TCP",
): Answer {
  const view = networkView([...WORLD, ...policies], ["10.244.0.0/16"]);
  const party = (text: string): Party => {
    const found = view.pods.find(({ namespace, name }) => `${namespace}/${name}` === text);
    return found ? { kind: "pod", pod: found } : addressParty(text);
  };
  return evaluate(view, { from: party(from), to: party(to), port, protocol }).answer;
}

test("without a policy everything is open; a policy that selects a pod closes what it doesn't name", () => {
  expect(ask([], "b/web", "a/db")).toBe("open");
  const denied = policy("a", { podSelector: { matchLabels: { app: "db" } } });
  expect(ask([denied], "b/web", "a/db")).toBe("closed");
  expect(ask([denied], "b/web", "a/web")).toBe("open");
  expect(ask([denied], "a/db", "b/web"), "egress isn't isolated by a policy without egress").toBe("open");
});

test("policyTypes have the server's defaults", () => {
  expect(
    ask([policy("a", { podSelector: {}, egress: [] })], "a/db", "b/web"),
    "an empty list of egress",
  ).toBe("open");
  expect(ask([policy("a", { podSelector: {}, egress: [{ ports: [{ port: 1 }] }] })], "a/db", "b/web")).toBe(
    "closed",
  );
  expect(
    ask([policy("a", { podSelector: {}, egress: [{}] })], "b/web", "a/db"),
    "ingress is isolated too",
  ).toBe("closed");
  const egressOnly = policy("a", { podSelector: {}, policyTypes: ["Egress"] });
  expect(ask([egressOnly], "b/web", "a/db")).toBe("open");
  expect(ask([egressOnly], "a/db", "b/web")).toBe("closed");
  expect(ask([egressOnly], "a/db", "a/db"), "a pod reaches itself always").toBe("open");
});

test("both ends must let it through", () => {
  const into = policy("a", { podSelector: {}, ingress: [{}] }, "in");
  const out = policy("b", { podSelector: {}, policyTypes: ["Egress"] }, "out");
  expect(ask([into], "b/web", "a/db")).toBe("open");
  expect(ask([into, out], "b/web", "a/db")).toBe("closed");
  const dns = policy("b", {
    podSelector: {},
    policyTypes: ["Egress"],
    egress: [{ ports: [{ port: 53, protocol: "UDP" }] }],
  });
  expect(ask([dns, out], "b/web", "a/db", 53, "UDP"), "policies add up").toBe("open");
  expect(ask([dns, out], "b/web", "a/db", 53, "TCP")).toBe("closed");
});

test("a peer's two selectors hold together; two peers are a choice", () => {
  const both = [
    { namespaceSelector: { matchLabels: { team: "a" } }, podSelector: { matchLabels: { app: "web" } } },
  ];
  const either = [
    { namespaceSelector: { matchLabels: { team: "a" } } },
    { podSelector: { matchLabels: { app: "web" } } },
  ];
  const of = (from: unknown) => [policy("b", { podSelector: {}, ingress: [{ from }] })];
  expect(ask(of(both), "a/web", "b/web")).toBe("open");
  expect(ask(of(both), "a/db", "b/web")).toBe("closed");
  expect(ask(of(either), "a/db", "b/web")).toBe("open");
  expect(
    ask(of([{ podSelector: {} }]), "a/db", "b/web"),
    "a pod selector alone means its own namespace",
  ).toBe("closed");
  expect(ask(of([{ namespaceSelector: {} }]), "a/db", "b/web"), "an empty selector means all").toBe("open");
  const byName = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "a" } } };
  expect(ask(of([byName]), "a/db", "b/web"), "the label that the server adds").toBe("open");
  expect(
    ask(of([{ namespaceSelector: { matchLabels: { name: "a" } } }]), "a/db", "b/web"),
    "a label nobody adds",
  ).toBe("closed");
});

test("expressions: In, NotIn, Exists, DoesNotExist; NotIn holds without the label", () => {
  const from = (operator: string, values?: string[]) => [
    policy("b", {
      podSelector: {},
      ingress: [{ from: [{ namespaceSelector: { matchExpressions: [{ key: "team", operator, values }] } }] }],
    }),
  ];
  expect(ask(from("In", ["a", "c"]), "a/db", "b/web")).toBe("open");
  expect(ask(from("NotIn", ["a"]), "a/db", "b/web")).toBe("closed");
  expect(ask(from("NotIn", ["c"]), "a/db", "b/web")).toBe("open");
  expect(ask(from("Exists"), "a/db", "b/web")).toBe("open");
  expect(ask(from("DoesNotExist"), "a/db", "b/web")).toBe("closed");
  expect(ask(from("Like", ["a"]), "a/db", "b/web"), "an operator that isn't one").toBe("closed");
});

test("ports: by number, by range, by the called pod's name, by protocol", () => {
  const ports = (port: Record<string, unknown>) => [
    policy("a", { podSelector: {}, ingress: [{ ports: [port] }] }),
  ];
  expect(ask(ports({ port: 8080 }), "b/web", "a/db")).toBe("open");
  expect(ask(ports({ port: 8000, endPort: 8079 }), "b/web", "a/db")).toBe("closed");
  expect(ask(ports({ port: 8000, endPort: 8080 }), "b/web", "a/db")).toBe("open");
  expect(ask(ports({ port: "http" }), "b/web", "a/db")).toBe("open");
  expect(ask(ports({ port: "http" }), "b/web", "a/db", 9090)).toBe("closed");
  expect(ask(ports({ port: "dns" }), "b/web", "a/db", 53), "a name means its protocol").toBe("closed");
  expect(ask(ports({ port: "dns", protocol: "UDP" }), "b/web", "a/db", 53, "UDP")).toBe("open");
  expect(ask(ports({ protocol: "UDP" }), "b/web", "a/db")).toBe("closed");
  const named = policy("a", {
    podSelector: {},
    policyTypes: ["Egress"],
    egress: [{ ports: [{ port: "http" }] }],
  });
  expect(ask([named], "a/db", "b/web"), "egress by the name in the called pod").toBe("open");
  expect(ask([named], "a/db", "192.0.2.1"), "addresses have no names of ports").toBe("closed");
});

test("addresses: a block without its exceptions, ranges that are met in part, and pods inside of a block", () => {
  const to = (ipBlock: Record<string, unknown>) => [
    policy("a", { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock }] }] }),
  ];
  const world = { cidr: "0.0.0.0/0", except: ["10.0.0.0/8"] };
  expect(ask(to(world), "a/db", "192.0.2.1")).toBe("open");
  expect(ask(to(world), "a/db", "10.1.2.3")).toBe("closed");
  expect(ask(to(world), "a/db", "8.0.0.0/6"), "some of them").toBe("depends");
  expect(ask(to(world), "a/db", "fd00::1"), "the other family").toBe("closed");
  expect(ask(to({ cidr: "fd00::/8" }), "a/db", "fd00::1")).toBe("open");
  expect(ask(to({ cidr: "::ffff:10.0.0.0/104" }), "a/db", "::ffff:10.9.9.9")).toBe("open");
  expect(ask(to(world), "a/db", "b/web"), "no pod has such an address").toBe("closed");
  expect(ask(to({ cidr: "10.0.0.0/8" }), "a/db", "b/web"), "plug-ins differ").toBe("depends");
  expect(ask(to({ cidr: "nonsense" }), "a/db", "192.0.2.1")).toBe("closed");
});

test("pods on the node's network are outside of policies, and no pods to those of others", () => {
  const host = pod("b/host", { app: "host" }, { hostNetwork: true });
  const into = policy("b", { podSelector: {} }, "in");
  expect(ask([host, into], "a/db", "b/host")).toBe("open");
  const from = policy("a", { podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }] }] });
  expect(ask([host, from], "b/host", "a/db")).toBe("closed");
});

test("agrees with the definition spelled out for every pair, port and protocol", () => {
  fc.assert(
    fc.property(universe, ({ view, connection }) => {
      const sure = bruteForce(view, connection, false);
      const perhaps = bruteForce(view, connection, true);
      expect(evaluate(view, connection).answer).toBe(sure ? "open" : perhaps ? "depends" : "closed");
    }),
    { numRuns: 500 },
  );
});
