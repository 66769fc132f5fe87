import { z } from "zod";
import { complain, label } from "../fields.ts";
import type { ComponentSpec } from "./component-spec.ts";
import { cidr, domain, image, objectName } from "./fields.ts";
import type { GivenThings, KubernetesFacts, Platform } from "./platform.ts";
import { tenantSchema } from "./tenant-schema.ts";

const VERSION = /^1\.\d{1,3}$/;

const kubernetes = z.strictObject({
  version: z
    .string()
    .superRefine((text, ctx) => {
      if (!VERSION.test(text))
        complain(ctx, "isn't a minor version", { rule: "kubernetes-version", allowed: 'such as "1.36"' });
    })
    .meta({ title: "minor version in quotes", examples: ['"1.36"'] })
    .describe("Minor version of the cluster; in quotes, since 1.30 without them is 1.3."),
  context: z
    .string()
    .min(1)
    .max(253)
    .exactOptional()
    .describe("Context of the kubeconfig; none: the current one."),
  podCidr: cidr().exactOptional().describe("Addresses of pods."),
  serviceCidr: cidr().exactOptional().describe("Addresses of Services."),
  nodeCidr: cidr()
    .exactOptional()
    .describe("Addresses of nodes: where probes and webhooks' callers come from."),
  apiServer: z
    .strictObject({
      cidr: cidr().describe("Its addresses."),
      port: z.int().min(1).max(65_535).default(6443).describe("Its port behind the Service."),
    })
    .exactOptional()
    .describe("Where policies let workloads reach the API server."),
  dns: z
    .strictObject({
      namespace: label().default("kube-system").describe("Namespace of the pods that answer DNS."),
      labels: z.record(z.string(), z.string()).default({ "k8s-app": "kube-dns" }).describe("Their labels."),
    })
    .prefault({})
    .describe("Who answers DNS."),
}) satisfies z.ZodType<KubernetesFacts>;

const keys = z.strictObject({
  namespace: label(),
  name: objectName(),
  keys: z.array(z.string().min(1).max(253)).min(1).max(100).describe("Keys that it has; never their values."),
});

const given = z.strictObject({
  namespaces: z.array(label()).max(500).default([]).describe("Namespaces."),
  secrets: z.array(keys).max(500).default([]).describe("Secrets that a person or another program makes."),
  configMaps: z.array(keys).max(500).default([]).describe("ConfigMaps."),
  services: z
    .array(
      z.strictObject({
        namespace: label(),
        name: label(),
        ports: z.array(z.int().min(1).max(65_535)).min(1).max(100).describe("Ports that it has."),
      }),
    )
    .max(500)
    .default([])
    .describe("Services."),
  serviceAccounts: z
    .array(z.strictObject({ namespace: label(), name: objectName() }))
    .max(500)
    .default([])
    .describe("ServiceAccounts."),
  storageClasses: z.array(objectName()).max(100).default([]).describe("Storage classes."),
  gatewayClasses: z.array(objectName()).max(100).default([]).describe("Classes of gateways."),
  definitions: z
    .array(
      z.strictObject({
        apiVersion: z
          .string()
          .max(253)
          .regex(/^[a-z0-9.-]+\/v[a-z0-9]+$/)
          .meta({ examples: ["example.com/v1"] }),
        kind: z
          .string()
          .max(63)
          .regex(/^[A-Z][A-Za-z0-9]*$/)
          .meta({ examples: ["Widget"] }),
      }),
    )
    .max(500)
    .default([])
    .describe("Kinds of others' CustomResourceDefinitions."),
  metrics: z
    .array(z.string().regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/))
    .max(5000)
    .default([])
    .describe("Metrics that something else emits."),
  buckets: z.array(z.string().min(3).max(63)).max(100).default([]).describe("Buckets of the object store."),
  hosts: z.array(domain()).max(500).default([]).describe("Host names that something else answers."),
}) satisfies z.ZodType<GivenThings>;

/** Keys that name the platform: the same in every environment. */
export const FIXED_KEYS = ["apiVersion", "kind", "name", "environments"] as const;

/** The authored source of platform.yaml, with the components that there are. Without environments' overlays. */
export function platformSchema(components: readonly ComponentSpec[]) {
  const options = Object.fromEntries(
    components.map(({ name, options, summary }) => [name, options.exactOptional().describe(summary)]),
  );
  return z.strictObject({
    apiVersion: z.literal("slipway/v1").describe("Version of this file's format."),
    kind: z.literal("Platform").describe("What this file describes."),
    name: label().describe("Also a label of every object."),
    namespace: label().default("slipway").describe("Of our own parts and of the inventory."),
    kubernetes: kubernetes.describe("The cluster, as far as it must be known to render."),
    domain: domain().describe("Host names of the platform and its tenants lie below it."),
    images: z.record(label(), image()).default({}).describe("Our own images by part."),
    given: given.prefault({}).describe("What exists and isn't ours, so that the wiring can be proven."),
    components: z.strictObject(options).prefault({}).describe("What the platform is made of."),
    tenants: z.array(tenantSchema).max(500).default([]).describe("Who shares it, with how much."),
    environments: z
      .record(label(), z.record(z.string(), z.unknown()))
      .default({})
      .describe("What differs in each environment, and nothing else."),
  });
}

/** What stands in platform.yaml, before the keys that only tell files apart are left out. */
export type PlatformFile = z.output<ReturnType<typeof platformSchema>>;

/** What a person writes: options of components are checked when the file is read. */
export type PlatformInput = Omit<z.input<ReturnType<typeof platformSchema>>, "components"> & {
  components?: Record<string, unknown>;
};

/** The platform that a file describes. */
export function platformOf(file: PlatformFile): Platform {
  const { name, namespace, kubernetes, domain, images, given, components, tenants } = file;
  return { name, namespace, kubernetes, domain, images, given, components, tenants };
}
