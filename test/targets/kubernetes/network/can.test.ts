import { expect, test } from "vitest";
import { can } from "../../../../src/targets/kubernetes/network/can.ts";
import { namedEnds } from "../../../../src/targets/kubernetes/wiring/named-ends.ts";
import { objectsOf, renderedOf } from "../wiring/platform.ts";

const ENDS = namedEnds(
  renderedOf(
    objectsOf(`
apiVersion: v1
kind: Namespace
metadata: { name: a }
---
apiVersion: v1
kind: Namespace
metadata: { name: b }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: a }
spec:
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, ports: [{ name: http, containerPort: 8080 }, { name: metrics, containerPort: 9090 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: shop, namespace: a }
spec: { selector: { app: web }, ports: [{ name: public, port: 80, targetPort: http }] }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: web, namespace: a }
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{ from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: b } } }], ports: [{ port: http }] }]
  egress: [{ ports: [{ port: 53, protocol: UDP }] }]
`),
  ),
);

function ask(from: string, to: string): string[] {
  return can(ENDS, from, to).map(
    ({ to: end, port, protocol, answer }) => `${end}:${port}/${protocol} ${answer}`,
  );
}

test("a workload by name: every port that it lists, or the one that is asked", () => {
  expect(ask("b", "a/web")).toEqual(["a/web:8080/TCP open", "a/web:9090/TCP closed"]);
  expect(ask("b", "a/web:http")).toEqual(["a/web:8080/TCP open"]);
  expect(ask("b", "a/web:9090")).toEqual(["a/web:9090/TCP closed"]);
  expect(ask("b/app=anything", "a/app=web:8080")).toEqual(["a/web:8080/TCP open"]);
  expect(ask("b/app.kubernetes.io/name=shop", "a/web:http")).toEqual(["a/web:8080/TCP open"]);
});

test("a Service's port is followed to its pods'", () => {
  expect(ask("b", "a/shop:80")).toEqual(["a/web:8080/TCP open"]);
  expect(ask("b", "a/shop:public")).toEqual(["a/web:8080/TCP open"]);
});

test("outside, DNS and the API server", () => {
  expect(ask("internet", "a/web:8080")).toEqual(["a/web:8080/TCP closed"]);
  expect(ask("a/web", "dns:53/udp")).toEqual(["dns:53/UDP open"].map((one) => `kube-system/${one}`));
  expect(ask("a/web", "dns:53/tcp")).toEqual(["kube-system/dns:53/TCP closed"]);
  expect(ask("a/web", "api-server:6443")).toEqual(["the API server:6443/TCP closed"]);
  expect(ask("a/web", "[2001:db8::1]:53/udp")).toEqual(["2001:db8::1:53/UDP open"]);
  expect(ask("2001:db8::1", "a/web:8080")).toEqual(["a/web:8080/TCP closed"]);
});

test("the policies that say so", () => {
  expect(can(ENDS, "b", "a/web:9090")[0]).toMatchObject({
    egress: { answer: "open", isolating: [], letBy: [] },
    ingress: { answer: "closed", isolating: ["a/web"], letBy: [] },
  });
  expect(can(ENDS, "b", "a/web:8080")[0]?.ingress.letBy).toEqual(["a/web ingress[0]"]);
});

test("ends and ports that aren't there", () => {
  const error = (from: string, to: string) => {
    try {
      return ask(from, to);
    } catch (thrown) {
      return (thrown as Error).message;
    }
  };
  expect(error("c", "a/web")).toBe("no namespace c is rendered");
  expect(error("b", "a/wbe")).toBe("a has no workload or Service wbe; did you mean web?");
  expect(error("b", "a/web:htp")).toBe("a/web has no port htp");
  expect(error("a/web", "internet")).toBe("internet needs a port");
  expect(error("b", "a")).toBe("a needs a port");
});
