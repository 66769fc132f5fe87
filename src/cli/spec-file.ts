import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type * as esbuild from "esbuild";
import { replaceText } from "../base/replace-text.ts";
import { SlipwayError } from "../http/errors.ts";
import { projectToYaml } from "../spec/define.ts";
import type { ProjectInput } from "../spec/define.ts";

/** Files above this aren't read: the parser would refuse them anyway. */
const MAX_BYTES = 1024 * 1024;

/** A project's file as YAML, and where it came from. */
export interface SpecFile {
  /** Absolute. */
  path: string;
  /** As messages name it. */
  name: string;
  yaml: string;
  isTypeScript: boolean;
}

/**
 * Reads slipway.yaml (or platform.yaml), or evaluates a `.ts` file here, on the author's machine. SPEC_* errors say what
 * went wrong. `fileName` is what is looked for in a folder.
 */
export async function readSpec(given: string, cwd: string, fileName = "slipway.yaml"): Promise<SpecFile> {
  let path = resolve(cwd, given);
  try {
    if ((await stat(path)).isDirectory()) path = join(path, fileName);
    if ((await stat(path)).size > MAX_BYTES)
      throw new SlipwayError("SPEC_UNREADABLE", `${given} is too large`, {
        allowed: `at most ${MAX_BYTES} bytes`,
      });
    const name = relative(cwd, path) || path;
    if (!/\.m?ts$/.test(path)) return { path, name, yaml: await readFile(path, "utf8"), isTypeScript: false };
    const yaml = projectToYaml(await evaluate(path, name));
    return { path, name: `${name} (as YAML)`, yaml, isTypeScript: true };
  } catch (error) {
    if (error instanceof SlipwayError) throw error;
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const reason = isMissing ? "doesn't exist" : `can't be read: ${(error as Error).message}`;
    throw new SlipwayError("SPEC_UNREADABLE", `${relative(cwd, path) || path} ${reason}`, { cause: error });
  }
}

/** Writes slipway.yaml (or platform.yaml) beside a `.ts` file, whole or not at all; answers its name. */
export async function writeYaml(spec: SpecFile, fileName = "slipway.yaml"): Promise<string> {
  if (!spec.isTypeScript)
    throw new SlipwayError("USAGE", "--write is for .ts files: this file is YAML already", {
      given: spec.name,
    });
  const target = join(dirname(spec.path), fileName);
  await replaceText(target, spec.yaml);
  return fileName;
}

/** The default export of a TypeScript file, bundled with all that it imports; `slipway` gives defineProject. */
async function evaluate(path: string, name: string): Promise<ProjectInput> {
  const { build } = await loadBundler();
  const folder = await mkdtemp(join(tmpdir(), "slipway-define-"));
  const outfile = join(folder, "project.mjs");
  try {
    await build({
      entryPoints: [path],
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      logLevel: "silent",
      plugins: [
        {
          name: "slipway",
          setup(bundle) {
            bundle.onResolve({ filter: /^slipway$/ }, () => ({ path: "slipway", namespace: "slipway" }));
            bundle.onLoad({ filter: /.*/, namespace: "slipway" }, () => ({
              contents:
                "export const defineProject = (input) => input; export const definePlatform = (input) => input;",
            }));
          },
        },
      ],
    });
    const { default: project } = (await import(pathToFileURL(outfile).href)) as { default?: unknown };
    if (typeof project === "object" && project !== null) return project as ProjectInput;
    throw new Error("it has no default export that is an object");
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new SlipwayError("SPEC_NOT_EVALUATED", `${name} can't be turned into YAML: ${message}`, {
      cause: error,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Bundler = Pick<typeof esbuild, "build">;

/** esbuild isn't shipped with the command: who authors in TypeScript has it, or adds it. */
async function loadBundler(): Promise<Bundler> {
  const bundler = "esbuild";
  try {
    return (await import(bundler)) as Bundler;
  } catch (error) {
    throw new SlipwayError("SPEC_NOT_EVALUATED", "a .ts file needs the package esbuild to be read", {
      hint: "Install it beside slipway (`npm install esbuild`), or write slipway.yaml.",
      cause: error,
    });
  }
}
