import { z } from "zod";
import { complain, duration, label, rate } from "../fields.ts";
import { cpuQuantity, image, memoryQuantity, secretKey, subject, variableName } from "./fields.ts";
import type { AlertReceiver, InferenceService, Tenant } from "./platform.ts";

const people = z.strictObject({
  admins: z.array(subject()).max(100).default([]).describe("May change what runs, and who may."),
  members: z.array(subject()).max(500).default([]).describe("May run and change workloads."),
  viewers: z.array(subject()).max(500).default([]).describe("May look, at no Secret's value."),
});

const quota = z.strictObject({
  cpu: cpuQuantity().describe("Cores that all its pods together may ask for."),
  memory: memoryQuantity().describe("Memory that all its pods together may ask for."),
  pods: z.int().min(1).max(10_000).default(50).describe("Pods at once."),
  storage: memoryQuantity().default("50Gi").describe("Storage that all its volumes together may ask for."),
});

const path = () =>
  z
    .string()
    .max(500)
    .regex(/^\/[^\s?#]*$/)
    .meta({ title: "path of an URL", examples: ["/metrics"] });

const service = z
  .strictObject({
    name: label()
      .max(45)
      .describe(
        "Unique in the tenant, and the model's name in addresses: `/v2/models/NAME` at the tenant's host name.",
      ),
    runtime: z
      .enum(["kserve", "deployment"])
      .exactOptional()
      .describe(
        "An InferenceService of KServe, or a Deployment of ours; default: kserve for a model, deployment for an image.",
      ),
    image: image().exactOptional().describe("A server that answers the Open Inference Protocol by itself."),
    model: z
      .strictObject({
        format: label()
          .meta({ examples: ["sklearn", "onnx"] })
          .describe("Its format, by which KServe chooses a runtime."),
        uri: z
          .string()
          .max(1000)
          .regex(/^(s3|gs|https|hf|pvc|oci):\/\/\S+$/)
          .meta({ title: "address of a model", examples: ["s3://models/iris/1"] })
          .describe("Where it lies."),
      })
      .exactOptional()
      .describe("A model for one of KServe's runtimes."),
    port: z.int().min(1).max(65_535).default(8080).describe("Where the server listens."),
    paths: z
      .strictObject({
        live: path().default("/v2/health/live").describe("Answers while the server runs."),
        ready: path().default("/v2/health/ready").describe("Answers once it can predict."),
        metrics: path().default("/metrics").describe("What Prometheus reads."),
      })
      .prefault({})
      .describe("Paths on that port."),
    metrics: z
      .array(z.string().regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/))
      .max(500)
      .default([])
      .describe("Metrics that the server emits by itself; boards and rules may name no others."),
    resources: z
      .strictObject({
        cpu: cpuQuantity().prefault("500m").describe("Cores that each pod asks for."),
        memory: memoryQuantity().default("1Gi").describe("Memory that each pod asks for."),
        cpuLimit: cpuQuantity().exactOptional().describe("Most cores; none: what the node has."),
        memoryLimit: memoryQuantity().exactOptional().describe("Most memory; default: what it asks for."),
      })
      .prefault({})
      .describe("Of each pod."),
    scale: z
      .strictObject({
        min: z.int().min(1).max(1000).default(2).describe("Pods at least."),
        max: z.int().min(1).max(1000).default(10).describe("Pods at most."),
        cpu: z
          .int()
          .min(1)
          .max(100)
          .default(50)
          .describe("Per cent of the cores asked for above which there are more."),
      })
      .superRefine(({ min, max }, ctx) => {
        if (max < min)
          complain(ctx, "has a max below its min", { rule: "range", allowed: `a max from ${min}` });
      })
      .prefault({})
      .describe("How many pods."),
    secrets: z
      .record(variableName(), secretKey())
      .default({})
      .describe("Environment variables out of Secrets in the tenant's namespace."),
  })
  .transform((given, ctx): InferenceService => {
    const { runtime = given.model === undefined ? "deployment" : "kserve", secrets, ...service } = given;
    const say = (message: string, allowed: string): never => {
      complain(ctx, message, { rule: "service", allowed });
      return z.NEVER;
    };
    if ((service.image === undefined) === (service.model === undefined))
      return say(
        service.image === undefined ? "has nothing that serves" : "has an image and a model",
        "one of image and model",
      );
    if (service.model !== undefined && runtime === "deployment")
      return say("has a model that nothing loads", "runtime: kserve, or an image that holds the model");
    return {
      ...service,
      runtime,
      secrets: Object.fromEntries(
        Object.entries(secrets).map(([variable, { secret, key }]) => [variable, { name: secret, key }]),
      ),
    };
  });

/** Where alerts go; also of the platform itself. */
export const alertReceiver = z
  .strictObject({
    webhook: secretKey().exactOptional().describe("Key of a Secret that holds the address."),
    slack: z
      .strictObject({ channel: z.string().min(1).max(100), ...secretKey().shape })
      .exactOptional()
      .describe("A channel, and the key of a Secret that holds the webhook's address."),
    email: z.email().exactOptional().describe("An address."),
  })
  .transform(({ webhook, slack, email }, ctx): AlertReceiver => {
    const count = [webhook, slack, email].filter((one) => one !== undefined).length;
    if (count === 1 && webhook)
      return { kind: "webhook", secret: { name: webhook.secret, key: webhook.key } };
    if (count === 1 && slack)
      return { kind: "slack", channel: slack.channel, secret: { name: slack.secret, key: slack.key } };
    if (count === 1 && email !== undefined) return { kind: "email", to: email };
    complain(ctx, "isn't one receiver", {
      rule: "receiver",
      allowed: "exactly one of webhook, slack, email",
    });
    return z.NEVER;
  });

const alerts = z.strictObject({
  receiver: alertReceiver
    .exactOptional()
    .describe("Where the tenant's alerts go; none: to the platform's receiver."),
  latencyP95: duration({ max: 600_000 })
    .prefault("500ms")
    .describe("95th percentile above which there is an alert."),
  errorRate: rate().prefault("1%").describe("Share of failed requests above which there is an alert."),
});

/** One tenant, as it is written in platform.yaml. */
export const tenantSchema = z.strictObject({
  name: label().describe("Namespace, and workspace in tracking."),
  description: z.string().max(500).exactOptional().describe("What it is for."),
  people: people.prefault({}).describe("Who may do what."),
  quota: quota.describe("Most that it may use."),
  services: z.array(service).max(200).default([]).describe("Its inference services."),
  alerts: alerts.prefault({}).describe("When somebody is told, and who."),
}) satisfies z.ZodType<Tenant>;
