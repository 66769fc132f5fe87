import { z } from "zod";

const portSchema = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.int()),
  column: z.boolean().optional(),
});

const count = z.int().min(0);

/** What `worker.py compile` wrote into a job's folder: ONNX files to choose from, and `cases.bin`. */
export const writtenSchema = z.object({
  /** Such as "scikit-learn 1.9.1". */
  framework: z.string(),
  estimator: z.string(),
  python: z.string(),
  converters: z.record(z.string(), z.string()),
  candidates: z.array(z.object({ folder: z.string().regex(/^candidate-\d$/), name: z.string() })).min(1),
  /** Ways that couldn't be written, with the converter's words. */
  failed: z.array(z.string()),
  /** In the order of `cases.bin`. */
  cases: z.array(z.object({ name: z.string(), rows: count, pieces: count })),
  /** What the original takes and gives, which is what the compiled one must. */
  inputs: z.array(portSchema),
  outputs: z.array(portSchema),
  refuses: z.array(
    z.object({ kind: z.enum(["nan", "infinite", "large"]), features: z.array(count), message: z.string() }),
  ),
});
export type Written = z.infer<typeof writtenSchema>;

/** Why a model isn't compiled, as a clause for a person. */
export const leftSchema = z.object({ reason: z.string() });

/** In a job's folder, what the process that proves reads. */
export const JOB_FILE = "job.json";
export const CASES_FILE = "cases.bin";

export const proofSchema = z.object({
  /** The first candidate that was equal on every case; null when none was. */
  proven: z
    .object({
      folder: z.string(),
      name: z.string(),
      rows: count,
      /** Largest |compiled - original| of all numbers. */
      largest: z.number(),
    })
    .nullable(),
  /** What was different in each candidate before. */
  different: z.array(z.object({ name: z.string(), reason: z.string() })),
});
export type Proof = z.infer<typeof proofSchema>;
