import { stringify } from "yaml";
import type { PlatformInput } from "../../../../src/spec/platform/schema.ts";
import type { Given } from "./platform-objects.ts";

/** Where a platform's database and its objects are, and what else of it a test chooses. */
export interface PlatformChoice {
  namespace: string;
  image: string;
  /** Of people. */
  url: string;
  /** This machine, for pods. */
  host: string;
  databasePort: number;
  storePort: number;
  replicas: { control: number; serve: number };
  secrets: Given;
  /** Of each pod, where it isn't what the platform's own file would say. */
  memory?: { control: string; serve: string };
  /** Minor version of the cluster. */
  kubernetes: string;
  /** Argo CD, which the cluster has, carries out which models run. */
  hasArgoCd?: true;
  /** Traefik as a component, and so a way in that isn't the test's own. */
  hasGateway?: true;
  routing?: "router" | "gateway";
  /** Beside the default one. */
  tenants?: PlatformInput["tenants"];
}

/** Where the tests' Argo CD is. */
export const ARGO_CD = "argocd";
export const BUCKET = "slipway-test";
const DOMAIN = "ml.example.com";
/** By which callers know the platform at its gateway. */
export const GATEWAY_HOST = `slipway.${DOMAIN}`;

/** The text of its platform.yaml. */
export function platformFile(choice: PlatformChoice): string {
  const { namespace, image, url, host, databasePort, storePort, replicas, secrets, kubernetes, memory } =
    choice;
  const reader = { namespace: ARGO_CD, name: "slipway-environment", keys: ["url", "username", "password"] };
  const file: PlatformInput = {
    apiVersion: "slipway/v1",
    kind: "Platform",
    name: namespace,
    namespace,
    kubernetes: { version: kubernetes },
    domain: DOMAIN,
    images: { slipway: image },
    given: {
      ...(choice.hasArgoCd && { namespaces: [ARGO_CD] }),
      secrets: [
        ...Object.entries(secrets).map(([name, values]) => ({ namespace, name, keys: Object.keys(values) })),
        ...(choice.hasArgoCd ? [reader] : []),
      ],
      definitions: ["Workflow", "WorkflowTaskResult"].map((kind) => ({
        apiVersion: "argoproj.io/v1alpha1",
        kind,
      })),
    },
    ...(choice.tenants && { tenants: choice.tenants }),
    components: {
      postgresql: { url: { secret: "database", key: "url" }, network: `${host}/32`, port: databasePort },
      objectStore: {
        endpoint: `http://${host}:${storePort}`,
        bucket: BUCKET,
        credentials: { secret: "objects" },
        // Callers outside of the node know the relay at an address of its own.
        direct: false,
        network: `${host}/32`,
      },
      argoWorkflows: { installed: {} },
      ...(choice.hasGateway && { gateway: { replicas: 1, service: "ClusterIP" } }),
      ...(choice.hasArgoCd && { argoCd: { installed: {} } }),
      slipway: {
        url,
        ...(choice.routing && { routing: choice.routing }),
        replicas: replicas.control,
        control: { storage: "1Gi", ...(memory && { memory: memory.control }) },
        serve: { min: replicas.serve, max: replicas.serve, ...(memory && { memory: memory.serve }) },
      },
    },
  };
  return stringify(file);
}
