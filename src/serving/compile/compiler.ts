import { randomUUID } from "node:crypto";
import { copyFile, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { SlipwayError } from "../../http/errors.ts";
import { madeContractFile } from "../contract.ts";
import { MLFLOW_FILE, MODEL_FILE } from "../model-files.ts";
import type { ModelEnvironments } from "../model-environments.ts";
import { replaceFile } from "../router/replace-file.ts";
import { runOnce } from "../worker/python/run-once.ts";
import { COMPILER, FACTS_FILE, TOLERANCE, compiledDir, verdictFile } from "./compilation.ts";
import type { CompiledFacts, CompileVerdict } from "./compilation.ts";
import { JOB_FILE, leftSchema, writtenSchema } from "./job.ts";
import type { Proof, Written } from "./job.ts";

/** Compiles models in Python to ONNX, and proves that they answer alike. */
export interface ModelCompiler {
  /**
   * Tries a copy of a model once. What was proven is written beside the copy, the verdict too. Never rejects: whatever
   * goes wrong is a reason to go on serving the model in Python.
   */
  compile(modelDir: string, python: string): Promise<CompileVerdict>;
}

export interface ModelCompilerDeps {
  environments: ModelEnvironments;
  /** Holds the copies; folders of jobs begin with `temporary`, so that what a dead process left can be removed. */
  modelsRoot: string;
  temporary: string;
  /** Compares in a process of its own. */
  prove(jobDir: string): Promise<Proof>;
}

const COMPILE_MS = 5 * 60_000;
/** Of reasons that another try may not have, nothing is written down. */
const PASSING = new Set(["ENVIRONMENT_BUILD_FAILED", "STORE_FULL"]);

/** Others aren't even loaded for it. */
const COMPILED = new Set(["mlflow.sklearn", "mlflow.xgboost", "mlflow.lightgbm"]);
const loaderSchema = z.object({
  flavors: z.object({ python_function: z.object({ loader_module: z.string() }) }),
});

const anyOutcome = z.union([leftSchema, writtenSchema]);

export function createModelCompiler(deps: ModelCompilerDeps): ModelCompiler {
  /** One at a time: it takes a processor for many seconds, and much memory. */
  let last: Promise<unknown> = Promise.resolve();
  return {
    compile(modelDir, python) {
      const verdict = last.then(() => compileOnce(deps, modelDir, python));
      last = verdict;
      return verdict;
    },
  };
}

async function compileOnce(
  deps: ModelCompilerDeps,
  modelDir: string,
  python: string,
): Promise<CompileVerdict> {
  const { environments, modelsRoot, temporary } = deps;
  const job = join(modelsRoot, `${temporary}compile-${randomUUID()}`);
  try {
    await mkdir(job);
    const { isPassing = false, ...verdict } = await attempt(deps, { modelDir, python, job });
    environments.log(
      modelDir,
      `${verdict.isProven ? "compiled to" : "not compiled to"} ONNX: ${verdict.reason}\n`,
    );
    if (!isPassing)
      await replaceFile(verdictFile(modelDir), JSON.stringify({ compiler: COMPILER, ...verdict }));
    return verdict;
  } catch (error) {
    return { isProven: false, reason: `what was compiled can't be kept: ${(error as Error).message}` };
  } finally {
    await rm(job, { recursive: true, force: true });
  }
}

interface Attempt {
  modelDir: string;
  python: string;
  job: string;
}

async function attempt(
  { environments, prove }: ModelCompilerDeps,
  { modelDir, python, job }: Attempt,
): Promise<CompileVerdict & { isPassing?: boolean }> {
  let written: Written;
  let proof: Proof;
  try {
    const loader = await loaderOf(modelDir);
    if (!COMPILED.has(loader)) return { isProven: false, reason: `models of ${loader} aren't compiled` };
    const packages = await environments.converters(modelDir, python);
    const outcome = anyOutcome.parse(
      await runOnce({
        python,
        command: "compile",
        modelDir,
        more: packages === undefined ? [job] : [job, packages],
        timeoutMs: COMPILE_MS,
        log: (text) => environments.log(modelDir, text),
      }),
    );
    if ("reason" in outcome) return { isProven: false, reason: outcome.reason };
    written = outcome;
    await writeFile(join(job, JOB_FILE), JSON.stringify(written));
    proof = await prove(job);
  } catch (error) {
    return failed(error);
  }
  if (proof.proven === null) return { isProven: false, reason: differenceIn(written, proof) };
  await keep(modelDir, job, written, proof.proven.folder);
  return { isProven: true, reason: provenBy(written, proof.proven) };
}

/** Module of MLflow that loads a model, which tells its framework. */
async function loaderOf(modelDir: string): Promise<string> {
  const model = loaderSchema.safeParse(parse(await readFile(join(modelDir, MLFLOW_FILE), "utf8")));
  return model.data?.flavors.python_function.loader_module ?? "an unknown framework";
}

function failed(error: unknown): CompileVerdict & { isPassing: boolean } {
  const { message } = error as Error;
  const code = error instanceof SlipwayError ? error.code : "";
  // What takes too long is said in the words of loading elsewhere.
  const reason =
    code === "MODEL_START_TIMEOUT" ? `it took more than ${COMPILE_MS / 60_000} minutes` : message;
  return { isProven: false, reason: reason.slice(0, 600), isPassing: PASSING.has(code) };
}

function differenceIn({ framework }: Written, { different }: Proof): string {
  const tried = different.map(({ name, reason }) => `as ${name}: ${reason}`).join("; ");
  return `as ONNX it answers otherwise than with ${framework}: ${tried}`.slice(0, 900);
}

function provenBy(written: Written, proven: NonNullable<Proof["proven"]>): string {
  const { framework, estimator, converters, cases } = written;
  const numbers = `numbers within ${TOLERANCE.absolute.toExponential()} + ${TOLERANCE.relative.toExponential()} of their size (at most ${proven.largest.toExponential(1)} apart), all else exactly`;
  const rows = cases.map(({ name, rows: count }) => `${count} ${name}`).join(", ");
  const tools = Object.entries(converters).map(([name, version]) => `${name} ${version}`);
  return `${estimator} of ${framework}, equal on ${proven.rows} rows (${rows}): ${numbers}; written by ${tools.join(", ")} as ${proven.name}`;
}

/** Puts a proven candidate beside the copy, with what a worker reads next to a model; whole or not at all. */
async function keep(modelDir: string, job: string, written: Written, folder: string): Promise<void> {
  const made = join(job, folder);
  const facts: CompiledFacts = {
    columns: written.inputs.filter(({ column }) => column === true).map(({ name }) => name),
    refuses: written.refuses,
  };
  await writeFile(join(made, FACTS_FILE), JSON.stringify(facts));
  await copyFile(join(modelDir, MLFLOW_FILE), join(made, MLFLOW_FILE));
  for (const contract of [join(modelDir, "contract.json"), madeContractFile(modelDir)])
    if (await isFile(contract)) {
      await copyFile(contract, join(made, "contract.json"));
      break;
    }
  for (const name of [MODEL_FILE, FACTS_FILE, MLFLOW_FILE]) await flush(join(made, name));
  await flush(made);
  const target = compiledDir(modelDir);
  await rm(target, { recursive: true, force: true });
  await rename(made, target);
  await flush(dirname(target));
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
