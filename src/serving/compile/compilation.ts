import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** Numbers may differ by `absolute + relative * |the original's|`; labels, integers and texts not at all. */
export const TOLERANCE = { absolute: 1e-6, relative: 1e-5 } as const;

/** Raised when what is tried or compared changes: verdicts of an older one are made anew with the next version. */
export const COMPILER = 1;

const refusalSchema = z.object({
  kind: z.enum(["nan", "infinite", "large"]),
  /** Places among the columns, or among those of the one matrix. */
  features: z.array(z.int().min(0)),
  /** In the words of the original. */
  message: z.string(),
});

/** Values that the original refuses, and a compiled model would answer. */
export type Refusal = z.infer<typeof refusalSchema>;

const compiledSchema = z.object({
  /** Inputs that are columns of a table, by name: their [n] values may also come as [n, 1]. */
  columns: z.array(z.string()),
  refuses: z.array(refusalSchema),
});

/** What a worker must know of a compiled model beyond its ONNX file. */
export type CompiledFacts = z.infer<typeof compiledSchema>;

/** In the folder of a compiled model, beside `model.onnx`. */
export const FACTS_FILE = "compiled.json";

const verdictSchema = z.object({
  compiler: z.int(),
  isProven: z.boolean(),
  reason: z.string(),
});

/** Whether a model is served by what it was compiled to, and why; the reason is a clause for a person. */
export interface CompileVerdict {
  isProven: boolean;
  reason: string;
}

/** Where the compiled model of a copy lies: beside the copy, whose content never changes. */
export function compiledDir(modelDir: string): string {
  return `${modelDir}.compiled`;
}

/** Where the verdict on a copy is kept. */
export function verdictFile(modelDir: string): string {
  return `${modelDir}.compiled.json`;
}

/** undefined: it has never been tried, or by another compiler, or what was proven isn't there any more. */
export async function readVerdict(modelDir: string): Promise<CompileVerdict | undefined> {
  try {
    const stored = verdictSchema.parse(JSON.parse(await readFile(verdictFile(modelDir), "utf8")));
    if (stored.compiler !== COMPILER) return undefined;
    if (stored.isProven) await stat(join(compiledDir(modelDir), FACTS_FILE));
    return { isProven: stored.isProven, reason: stored.reason };
  } catch {
    return undefined;
  }
}

/** undefined for an ONNX model that wasn't compiled by us. */
export async function readCompiledFacts(modelDir: string): Promise<CompiledFacts | undefined> {
  const text = await readFile(join(modelDir, FACTS_FILE), "utf8").catch(() => undefined);
  return text === undefined ? undefined : compiledSchema.parse(JSON.parse(text));
}
