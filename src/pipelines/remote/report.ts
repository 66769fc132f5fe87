import { z } from "zod";
import { CATALOGUE, type ErrorCode } from "../../http/errors.ts";

const outputFile = z.strictObject({
  path: z.string().max(4096),
  size: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/**
 * What a step that runs away from the platform, in a pod, says of one try: sent at every change and once at its end.
 * A try that was cut short, such as by the loss of its node, isn't an attempt of the step's own.
 */
export const stepReportSchema = z.strictObject({
  state: z.enum(["preparing", "running", "succeeded", "cached", "failed", "cancelled"]),
  /** Of the step, beginning with 1. */
  attempt: z.int().min(0).max(10_000),
  /** Nothing follows: it went well, or it failed and isn't tried again. */
  isFinal: z.boolean(),
  startedAt: z.int().optional(),
  finishedAt: z.int().optional(),
  exitCode: z.int().optional(),
  reason: z.string().max(4000).optional(),
  code: z
    .custom<ErrorCode>((value) => typeof value === "string" && Object.hasOwn(CATALOGUE, value))
    .optional(),
  /** All that it wrote, as one archive among the pipeline run's files. */
  archive: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) }).optional(),
  /** What it wrote of its declared outputs. */
  outputs: z.array(outputFile).max(50_000).optional(),
  /** Stands for what it logged, in the keys of steps that need it. */
  effects: z.strictObject({ origin: z.string(), effects: z.record(z.string(), z.unknown()) }).optional(),
  /** Why steps that need it can't be reused. */
  opaque: z.string().max(4000).optional(),
});

export type StepReport = z.output<typeof stepReportSchema>;

/** The newest report of a step, and which of its tries it is about: 0 is the first. */
export interface LatestReport {
  tryNumber: number;
  report: StepReport;
}
