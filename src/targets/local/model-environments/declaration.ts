import { readFile } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import { parse } from "yaml";
import { SlipwayError } from "../../../http/errors.ts";

/** What an MLflow model declares that it needs. */
export interface Declaration {
  /** Version of Python as it was written, such as "3.11.7"; undefined when nothing says so. */
  python: string | undefined;
  /** Lines as pip reads them, files that they include written out; relative paths are below the model's folder. */
  requirements: string[];
  /** True when a line names a file of the model's folder. */
  hasLocalFiles: boolean;
  /** What a person should know. */
  notes: string[];
}

const MAX_BYTES = 1024 * 1024;
const MAX_FILES = 20;

interface MlflowFile {
  mlflow_version?: unknown;
  flavors?: { python_function?: { python_version?: unknown; env?: unknown } };
}

/**
 * The environment of a model's folder: `python_env.yaml`, else `conda.yaml`, else `requirements.txt`, as MLflow names
 * them in MLmodel and writes them by default. ENVIRONMENT_UNDECLARED when none is there.
 */
export async function readDeclaration(modelDir: string): Promise<Declaration> {
  const model = ((await readYaml(modelDir, "MLmodel")) ?? {}) as MlflowFile;
  const flavor = model.flavors?.python_function;
  const named = typeof flavor?.env === "string" ? { conda: flavor.env } : (flavor?.env as Json | undefined);
  const declared =
    (await fromPythonEnv(modelDir, fileOf(named?.["virtualenv"], "python_env.yaml"))) ??
    (await fromConda(modelDir, fileOf(named?.["conda"], "conda.yaml"))) ??
    (await fromRequirements(modelDir));
  if (declared === undefined)
    throw new SlipwayError(
      "ENVIRONMENT_UNDECLARED",
      "the model's folder declares no environment: it has neither python_env.yaml, conda.yaml nor requirements.txt",
    );
  declared.python ??= text(flavor?.python_version);
  const version = text(model.mlflow_version);
  if (!declared.requirements.some((line) => /^mlflow(-skinny)?\b/i.test(line)) && version !== undefined) {
    declared.requirements.push(`mlflow==${version}`);
    declared.notes.push(
      `it doesn't name mlflow, which loads it: mlflow==${version} was added, which logged it`,
    );
  }
  declared.hasLocalFiles = declared.requirements.some((line) =>
    /^(\.|\/|file:|[\w./-]+\.whl\b)|@\s*file:/.test(line),
  );
  return declared;
}

type Json = Record<string, unknown>;

async function fromPythonEnv(modelDir: string, file: string): Promise<Declaration | undefined> {
  const content = (await readYaml(modelDir, file)) as Json | undefined;
  if (content === undefined) return undefined;
  return {
    python: text(content["python"]),
    requirements: await written(modelDir, lines(content["dependencies"])),
    hasLocalFiles: false,
    notes: [],
  };
}

/** Of conda's packages only Python itself: what pip can't install is named in a note. */
async function fromConda(modelDir: string, file: string): Promise<Declaration | undefined> {
  const content = (await readYaml(modelDir, file)) as Json | undefined;
  if (content === undefined) return undefined;
  const given: unknown[] = Array.isArray(content["dependencies"]) ? content["dependencies"] : [];
  const names = lines(given);
  const python = names.map((name) => /^python\s*=+\s*([\d.]+)/.exec(name)?.[1]).find(Boolean);
  const left = names.filter((name) => !/^(python|pip|setuptools|wheel)\b/.test(name));
  const pip = given.flatMap((part) => lines((part as Json | null)?.["pip"]));
  return {
    python,
    requirements: await written(modelDir, pip),
    hasLocalFiles: false,
    notes: left.length === 0 ? [] : [`packages of conda aren't installed: ${left.join(", ")}`],
  };
}

async function fromRequirements(modelDir: string): Promise<Declaration | undefined> {
  const file = "requirements.txt";
  if ((await readText(modelDir, file)) === undefined) return undefined;
  return {
    python: undefined,
    requirements: await written(modelDir, [`-r ${file}`]),
    hasLocalFiles: false,
    notes: [],
  };
}

/** Lines with the files that they include by -r in their place; comments and empty lines left out. */
async function written(modelDir: string, given: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const seen = new Set<string>();
  const waiting = [...given];
  for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
    const bare = line.replace(/(^|\s)#.*$/, "").trim();
    const included = /^(?:-r|--requirement)[=\s]*(\S+)$/.exec(bare)?.[1];
    if (included === undefined) {
      if (bare !== "") found.push(bare);
      continue;
    }
    if (seen.has(included) || seen.size >= MAX_FILES) continue;
    seen.add(included);
    const content = await readText(modelDir, included);
    if (content === undefined)
      throw new SlipwayError(
        "ENVIRONMENT_UNDECLARED",
        `the model's folder has no ${included}, which its environment includes`,
      );
    waiting.unshift(...content.replaceAll("\\\n", " ").split(/\r?\n/));
  }
  return found;
}

function lines(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((line): line is string => typeof line === "string") : [];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

function fileOf(value: unknown, usual: string): string {
  return typeof value === "string" ? value : usual;
}

async function readYaml(modelDir: string, file: string): Promise<unknown> {
  const content = await readText(modelDir, file);
  if (content === undefined) return undefined;
  try {
    return parse(content) as unknown;
  } catch (error) {
    throw new SlipwayError(
      "ENVIRONMENT_UNDECLARED",
      `the model's ${file} isn't YAML: ${(error as Error).message}`,
      {
        where: file,
      },
    );
  }
}

/** A file below the model's folder; undefined when it isn't there, isn't below it, or is no text. */
async function readText(modelDir: string, file: string): Promise<string | undefined> {
  const path = normalize(file);
  if (isAbsolute(path) || path.startsWith("..")) return undefined;
  const content = await readFile(join(modelDir, path), "utf8").catch(() => undefined);
  return content !== undefined && content.length <= MAX_BYTES ? content : undefined;
}
