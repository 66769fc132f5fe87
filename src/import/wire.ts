import { z } from "zod";
import { KINDS } from "./kinds.ts";

/** The bodies of the import API. Ids of experiments in what is brought are ours; all other ids stay the source's. */

/** Half of a surrogate pair and NUL are in no text that both databases keep as it is. */
const text = (max: number): z.ZodString =>
  z
    .string()
    .max(max)
    .refine((value) => !/[\0\p{Surrogate}]/u.test(value), "not a text that can be kept") as z.ZodString;
const id = text(256).min(1);
/** Milliseconds since the epoch. */
const time = z.int().min(0);
/** Beyond 2^53 as decimal digits. */
const int64 = z.union([z.int(), z.string().regex(/^-?\d{16,19}$/)]);
const stage = z.enum(["active", "deleted"]);
const entries = (max: number): z.ZodArray<typeof entry> => z.array(entry).max(max);
const entry = z.strictObject({ key: text(1000).min(1), value: text(2_000_000) });
const experimentId = z.string().regex(/^\d{1,15}$/);

export const source = z.strictObject({
  source: text(2000).min(1).describe("Address of the server that things come from, and its workspace."),
  version: text(100).optional().describe("The MLflow version that it says."),
});

export const known = z.strictObject({
  kind: z.enum(KINDS),
  ids: z.array(text(1000).min(1)).max(1000).describe("The source's."),
});

export const experiment = z.strictObject({
  id: id.describe("The source's; kept where it is free."),
  name: text(500).min(1),
  stage,
  createdAt: time,
  updatedAt: time,
  tags: entries(10_000),
});

export const run = z.strictObject({
  id: text(256).regex(/^[a-zA-Z0-9][\w-]*$/),
  experimentId,
  name: text(10_000),
  user: text(1000),
  status: z.enum(["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]),
  startedAt: time,
  endedAt: time.nullable(),
  stage,
  params: entries(100_000),
  tags: entries(100_000),
  datasets: z
    .array(
      z.strictObject({
        name: text(500),
        digest: text(100),
        sourceType: text(100),
        source: text(100_000),
        schema: text(20_000_000).nullable(),
        profile: text(20_000_000).nullable(),
        tags: entries(1000),
      }),
    )
    .max(10_000),
  modelInputs: z.array(id).max(10_000),
  modelOutputs: z.array(z.strictObject({ modelId: id, step: int64 })).max(10_000),
});

export const runs = z.strictObject({ runs: z.array(run).max(500) });

const value = z.union([z.number(), z.literal("NaN")]);

export const metrics = z.strictObject({
  runId: id,
  histories: z
    .array(
      z.strictObject({
        key: text(1000).min(1),
        points: z.array(z.tuple([int64, int64, value])).describe("Of each: timestamp, step, value."),
      }),
    )
    .max(10_000),
});

export const loggedModel = z.strictObject({
  id: text(256).regex(/^m-[\w-]+$/),
  experimentId,
  name: text(1000),
  type: text(1000).nullable(),
  status: z.enum([
    "LOGGED_MODEL_STATUS_UNSPECIFIED",
    "LOGGED_MODEL_PENDING",
    "LOGGED_MODEL_READY",
    "LOGGED_MODEL_UPLOAD_FAILED",
  ]),
  statusMessage: text(100_000).nullable(),
  sourceRunId: text(256).nullable(),
  createdAt: time,
  updatedAt: time,
  params: entries(100_000),
  tags: entries(100_000),
  metrics: z
    .array(
      z.strictObject({
        runId: id,
        key: text(1000).min(1),
        value,
        timestamp: int64,
        step: int64,
        datasetName: text(500),
        datasetDigest: text(100),
      }),
    )
    .max(1_000_000),
});

export const version = z.strictObject({
  version: z.int().min(1).max(2_147_483_647),
  description: text(100_000),
  user: text(1000),
  stage: z.enum(["None", "Staging", "Production", "Archived"]),
  source: text(10_000).describe("As the source has it."),
  files: z
    .strictObject({ kind: z.enum(["run", "logged-model"]), id, path: text(4000) })
    .nullable()
    .describe("Where its files are below those of a run or a logged model that was brought."),
  runId: text(256),
  runLink: text(10_000),
  modelId: text(256),
  status: z.enum(["READY", "PENDING_REGISTRATION", "FAILED_REGISTRATION"]),
  createdAt: time,
  updatedAt: time,
  tags: entries(10_000),
});

export const registeredModel = z.strictObject({
  name: text(256).min(1),
  description: text(100_000),
  createdAt: time,
  updatedAt: time,
  tags: entries(10_000),
  aliases: z.array(z.strictObject({ alias: text(255).min(1), version: z.int().min(1) })).max(10_000),
  versions: z
    .array(version)
    .max(2000)
    .describe("A part of them, when there are many: send the model again with more."),
});

export const traces = z.strictObject({
  traces: z
    .array(
      z.strictObject({
        info: z.record(z.string(), z.unknown()).describe("MLflow's TraceInfo, with our experiment's id."),
        spans: z
          .array(z.record(z.string(), z.unknown()))
          .max(50_000)
          .describe("OTLP's JSON: ids hexadecimal, 64-bit integers as texts."),
      }),
    )
    .max(500),
});

const facts = z.strictObject({ count: z.int().min(0), digest: text(20) });

export const done = z.strictObject({
  kind: z.enum(KINDS),
  id: text(1000).min(1),
  fingerprint: text(100).min(1),
  facts: z
    .strictObject({ params: facts, tags: facts, points: facts })
    .optional()
    .describe("Of a run: how much was sent. When less is here, it isn't noted as done."),
});

export const check = z.strictObject({
  kind: z.enum([...KINDS, "file"]),
  after: text(6000).default("").describe("Where the last answer ended."),
});

export const end = z.strictObject({ report: z.record(z.string(), z.unknown()) });

export type ExperimentIn = z.infer<typeof experiment>;
export type RunIn = z.infer<typeof run>;
export type MetricsIn = z.infer<typeof metrics>;
export type LoggedModelIn = z.infer<typeof loggedModel>;
export type RegisteredModelIn = z.infer<typeof registeredModel>;
export type VersionIn = z.infer<typeof version>;
export type DoneIn = z.infer<typeof done>;
export type TraceIn = z.infer<typeof traces>["traces"][number];
/** Of an experiment: its id here. Kept; a new one, since another experiment has it; that of one with the same name. */
export interface ExperimentOut {
  experimentId: string;
  how: "kept" | "mapped" | "merged";
}
