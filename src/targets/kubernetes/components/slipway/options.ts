import { z } from "zod";
import { complain, label } from "../../../../spec/fields.ts";
import { cpuQuantity, memoryQuantity, objectName } from "../../../../spec/platform/fields.ts";

const resources = (cpu: string, memory: string) => ({
  cpu: cpuQuantity().prefault(cpu).describe("Cores that each pod asks for."),
  memory: memoryQuantity()
    .prefault(memory)
    .describe("Memory that each pod asks for, and no more than it may have."),
});

const scaled = (min: number, max: number) => ({
  min: z.int().min(1).max(100).default(min).describe("Pods at least."),
  max: z
    .int()
    .min(1)
    .max(100)
    .default(max)
    .describe("Pods at most; there are more above half of the cores asked for."),
});

/** Of `components.slipway`. */
export const slipwayOptions = z.strictObject({
  host: label().default("slipway").describe("Its host name below the platform's domain."),
  url: z
    .url({ protocol: /^https?$/ })
    .max(500)
    .superRefine((text, ctx) => {
      if (new URL(text).pathname !== "/" || /[?#]/.test(text))
        complain(ctx, "has a path", { rule: "public-url", allowed: "an address without a path" });
    })
    .exactOptional()
    .describe("Where people reach it, if that isn't its host name at the gateway's own port."),
  routing: z
    .enum(["router", "gateway"])
    .default("router")
    .describe(
      "Who divides a service's traffic. `router`: our serve pods draw each request. `gateway`: weights on an HTTPRoute of the service, straight to its pods; without copies, fall-back, callers that stay, labels and a prediction log.",
    ),
  replicas: z
    .int()
    .min(1)
    .max(5)
    .default(2)
    .describe("Of control: one leads, by the database's word, and the others follow and take over."),
  control: z
    .strictObject({
      ...resources("250m", "512Mi"),
      storage: memoryQuantity().default("10Gi").describe("Of each one's copy of the repositories."),
      storageClass: objectName().exactOptional().describe("None: the cluster's default."),
    })
    .prefault({})
    .describe("Git, pipelines, rollouts, tracking, console."),
  serve: z
    .strictObject({ ...scaled(2, 6), ...resources("250m", "256Mi") })
    .prefault({})
    .describe("The one address: routes predictions."),
});

export type SlipwayOptions = z.output<typeof slipwayOptions>;
