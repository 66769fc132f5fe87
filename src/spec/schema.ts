import { z } from "zod";
import { complain, distance, duration, innerPath, label, part, size } from "./fields.ts";
import { RESERVED_PROJECT_NAMES } from "./names.ts";
import type { Gate } from "./project.ts";
import { metricName, rolloutSchema } from "./rollout-schema.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const GI = 2 ** 30;
const MI = 2 ** 20;

const PARAM_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
/** A header's name (RFC 9110, section 5.1: a token). */
const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;

const stepEnvironment = z
  .strictObject({
    python: innerPath()
      .meta({ examples: ["requirements.txt"] })
      .exactOptional()
      .describe("A requirements file; its packages are installed once per content."),
    node: innerPath()
      .meta({ examples: ["package.json"] })
      .exactOptional()
      .describe(
        "A package.json; its packages are installed once per content (with its lock file when there is one).",
      ),
  })
  .meta({ maxProperties: 1 });

const resources = z.strictObject({
  cpu: z
    .number()
    .positive()
    .max(1024)
    .exactOptional()
    .describe("Cores that the step expects; it gives the number of threads of common numeric libraries."),
  memory: size({ min: MI, max: 1024 * GI })
    .exactOptional()
    .describe("Memory of the step with all its processes; above it the step is ended."),
});

const params = z
  .record(
    z.string().superRefine((name, ctx) => {
      if (!PARAM_NAME.test(name))
        complain(ctx, "isn't a parameter's name", {
          rule: "param-name",
          allowed: "letters, digits and _, not beginning with a digit, at most 64",
        });
    }),
    z.union([z.string().max(8192), z.number(), z.boolean()]),
  )
  .meta({ propertyNames: { pattern: PARAM_NAME.source } });

const step = z.strictObject({
  name: label().describe("Unique in the pipeline."),
  run: z
    .string()
    .min(1)
    .max(16_384)
    .regex(/^[^\0]*$/)
    .meta({ examples: ["python train.py"] })
    .describe("A command for `sh -c` in the pipeline run's working folder."),
  needs: z
    .array(z.string())
    .max(500)
    .default([])
    .describe("Steps that must have succeeded before this one starts."),
  inputs: z
    .array(innerPath())
    .max(500)
    .default([])
    .describe("Paths or globs that the step reads; none: the whole commit. Part of the cache key."),
  outputs: z
    .array(innerPath())
    .max(500)
    .default([])
    .describe("Paths that the step must have written when it ends; kept in the step cache."),
  params: params
    .prefault({})
    .describe("Given to the step as environment variables SLIPWAY_PARAM_<NAME>; part of the cache key."),
  cache: z.boolean().default(true).describe("Whether this step's outputs may be reused."),
  resources: resources.prefault({}).describe("What the step needs of the machine."),
  retries: z.int().min(0).max(20).default(0).describe("How often a failed step is tried again."),
  backoff: duration({ min: 0, max: DAY })
    .prefault("1s")
    .describe("Wait before the first retry; doubles with each."),
  timeout: duration({ max: 7 * DAY })
    .prefault("1h")
    .describe("Longest time of one attempt."),
});

const pipeline = z.strictObject({
  steps: z
    .array(step)
    .min(1)
    .max(500)
    .describe("Run in the order of their needs, side by side where these allow."),
  cache: z.boolean().default(true).describe("Whether outputs of earlier pipeline runs may be reused."),
});

const bound = z.number();

const gate = z
  .strictObject({
    metric: metricName.describe("A metric that the pipeline run has logged."),
    min: bound.exactOptional().describe("Least value that passes."),
    max: bound.exactOptional().describe("Greatest value that passes."),
    atLeastChampionMinus: distance()
      .exactOptional()
      .describe(
        "Passes when the metric is at least the champion's less this; passes when there is no champion.",
      ),
  })
  .meta({ minProperties: 2, maxProperties: 2 })
  .transform((given, ctx): Gate => {
    const { metric, min, max, atLeastChampionMinus } = given;
    const bounds = [min, max, atLeastChampionMinus].filter((value) => value !== undefined).length;
    if (bounds === 1 && min !== undefined) return { metric, min };
    if (bounds === 1 && max !== undefined) return { metric, max };
    if (bounds === 1 && atLeastChampionMinus !== undefined) return { metric, atLeastChampionMinus };
    complain(ctx, bounds === 0 ? "has no bound" : "has more than one bound", {
      rule: "gate",
      allowed: "metric and exactly one of min, max, atLeastChampionMinus",
    });
    return z.NEVER;
  });

const model = z.strictObject({
  name: label().describe("Registered model; the service has the same name."),
  artifact: innerPath().default("model").describe("Folder of the model below the tracking run's artifacts."),
  gate: z.array(gate).max(100).prefault([]).describe("No version goes on when one of these fails."),
});

const scale = z
  .strictObject({
    min: z
      .int()
      .min(0)
      .max(64)
      .default(1)
      .describe("Workers of each variant at least; 0: none while nobody asks, and the first request waits."),
    max: z
      .int()
      .min(1)
      .max(64)
      .exactOptional()
      .describe("Workers of each variant at most; default: as many as at least, and one."),
    target: z
      .strictObject({
        concurrency: z
          .number()
          .min(0.1)
          .max(10_000)
          .describe("Requests under way or waiting for each worker, on average, above which there are more."),
      })
      .exactOptional()
      .describe("What the number of workers is chosen by; default: a concurrency of 4."),
    idle: duration({ min: 1_000, max: 7 * DAY })
      .exactOptional()
      .describe("Time without a request after which there are none, where min is 0; default 10m."),
  })
  .superRefine(({ min, max }, ctx) => {
    if (max !== undefined && max < min)
      ctx.addIssue({
        code: "custom",
        path: ["max"],
        message: "is less than min",
        params: { rule: "range", allowed: `a whole number from ${Math.max(1, min)} to 64` },
      });
  });

const serving = z.strictObject({
  protocol: z
    .array(z.enum(["v1", "v2"]))
    .min(1)
    .superRefine((list, ctx) => {
      if (new Set(list).size !== list.length)
        complain(ctx, "names a protocol twice", {
          rule: "duplicate",
          allowed: "each of v1, v2 at most once",
        });
    })
    .default(["v1", "v2"])
    .describe("Versions of the inference protocol (KServe V1, Open Inference V2) that the service answers."),
  scale: scale.prefault({}).describe("How many workers serve."),
  timeout: duration({ max: 600_000 }).prefault("2s").describe("Of one prediction, its retry included."),
  sticky: z
    .strictObject({
      header: z
        .string()
        .regex(HEADER)
        .meta({ title: "header's name", examples: ["x-user-id"] })
        .transform((name) => name.toLowerCase())
        .describe("Requests with the same value of this header go to the same variant."),
    })
    .exactOptional()
    .describe("Keeps a caller on one variant."),
  compile: z
    .enum(["auto", "never"])
    .exactOptional()
    .describe(
      "auto (the default): a scikit-learn, XGBoost or LightGBM model is compiled to ONNX and runs so where that is proven to change none of its answers. never: it runs in Python.",
    ),
  maxBody: size({ min: 1024, max: GI }).prefault("16Mi").describe("Largest request body."),
  limits: z
    .strictObject({
      concurrency: z
        .int()
        .min(1)
        .max(100_000)
        .exactOptional()
        .describe("Requests that are with a variant's workers at once; none: as many as come."),
      queue: z
        .int()
        .min(0)
        .max(100_000)
        .exactOptional()
        .describe("Requests of a variant that wait (default 1024); one more is answered 503 at once."),
    })
    .exactOptional()
    .describe("What each variant holds at once."),
  resources: z
    .strictObject({
      cpu: z
        .number()
        .min(0.1)
        .max(64)
        .exactOptional()
        .describe(
          "Processors that one worker may use (default 1): its number of threads; below 1, its weight where processors are short.",
        ),
      memory: size({ min: 64 * MI, max: 1024 * GI })
        .exactOptional()
        .describe("Memory of one worker (default 1Gi); above it the worker is ended and started again."),
    })
    .exactOptional()
    .describe("Of each worker. A model with its own has processes of its own."),
  log: z
    .strictObject({
      sample: part()
        .exactOptional()
        .describe("Of the requests, chosen by their ids (default 1%); 0%: none, 100%: all."),
      values: z
        .boolean()
        .exactOptional()
        .describe(
          "Whether inputs and outputs are kept (default true), or only what is told about a request.",
        ),
      keep: duration({ min: HOUR, max: 3650 * DAY })
        .exactOptional()
        .describe("How long it is kept (default 30d)."),
      maxSize: size({ min: 16 * MI, max: 1024 * GI })
        .exactOptional()
        .describe("Room of the service's files (default 1Gi); the oldest go first."),
    })
    .exactOptional()
    .describe("The prediction log: requests and their answers, as Parquet files."),
});

/** The authored source of slipway.yaml: keys, types, bounds, defaults and their documentation. */
export const projectSchema = z.strictObject({
  apiVersion: z.literal("slipway/v1").describe("Version of this file's format."),
  kind: z.literal("Project").describe("What this file describes."),
  name: label(RESERVED_PROJECT_NAMES).describe(
    "Also the name of the Git repository and of the MLflow experiment.",
  ),
  environment: stepEnvironment
    .prefault({})
    .describe("Packages of the steps: at most one of python and node; none: what the machine has."),
  pipeline: pipeline.default({ steps: [], cache: true }).describe("What a push runs."),
  model: model.exactOptional().describe("The model that the pipeline makes and the service serves."),
  serving: serving.prefault({}).describe("How the model is served. Needs model."),
  rollout: rolloutSchema
    .prefault({})
    .describe("How a new version takes over from the champion. Needs model."),
});

/** What a person writes: text for quantities, defaults left out. */
export type ProjectInput = z.input<typeof projectSchema>;
