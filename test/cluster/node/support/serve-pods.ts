import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { workerToken } from "../../../../src/tenancy/worker-tokens.ts";
import { podSpec } from "./pods.ts";

/** By which serve pods know control, and model pods' tokens are made. */
export const SECRET = "internal-secret-of-at-least-thirty-two-characters";
/** Of those who call serve pods. */
export const TOKEN = "slipway_admin_of_at_least_thirty_two_characters";
export const SERVE = { "app.kubernetes.io/name": "slipway", "app.kubernetes.io/component": "serve" };

/** What control would have made before: namespaces, what model pods run as and are let in by, serve pods. */
export function givenToServing(home: string, place: string, serves: number): KubernetesObject[] {
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  const namespace = (name: string) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
  return [
    namespace(home),
    namespace(place),
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "serving", namespace: place } },
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "slipway-worker", namespace: place },
      stringData: { token: workerToken(SECRET, "default") },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "serve", namespace: home },
      spec: {
        replicas: serves,
        selector: { matchLabels: SERVE },
        template: { metadata: { labels: SERVE }, spec: servePod() },
      },
    },
  ];
}

function servePod(): object {
  const value = (name: string, text: string) => ({ name, value: text });
  const spec = podSpec({
    name: "serve",
    args: ["--role=serve"],
    ports: [
      { name: "http", containerPort: 4600 },
      { name: "admin", containerPort: 4605 },
    ],
    env: [
      value("SLIPWAY_INTERNAL_TOKEN", SECRET),
      value("SLIPWAY_ADMIN_TOKEN", TOKEN),
      value("SLIPWAY_CONTROL", "127.0.0.1:1"),
    ],
    readinessProbe: { httpGet: { path: "/ready", port: "admin" }, periodSeconds: 1 },
  });
  return { ...spec, enableServiceLinks: false };
}
