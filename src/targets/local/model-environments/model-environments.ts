import { createHash } from "node:crypto";
import { mkdir, realpath, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Clock } from "../../../base/clock.ts";
import { SlipwayError } from "../../../http/errors.ts";
import type { ModelEnvironments } from "../../../serving/model-environments.ts";
import { BuiltOnce } from "../engine/environments/built-once.ts";
import { targetCommand, virtualenvCommands } from "../engine/environments/python.ts";
import { findTool, hashOf } from "../engine/environments/tools.ts";
import { markUsed } from "../engine/environments/trim.ts";
import { TOKEN_VARIABLE, endGroup, killByToken, startGroup } from "../engine/process-group.ts";
import { systemProcessTable } from "../engine/process-table.ts";
import { RotatingLog } from "../supervisor/rotating-log.ts";
import { missingConverters } from "./converters.ts";
import { readDeclaration } from "./declaration.ts";
import type { Declaration } from "./declaration.ts";
import { Interpreters } from "./interpreters.ts";
import type { Interpreter } from "./interpreters.ts";
import { contentOf, exactPins, findSatisfying } from "./pins.ts";

export interface ModelEnvironmentsDeps {
  dataDir: string;
  clock: Clock;
  /** PATH, HOME and what else an installer may see. */
  env: Record<string, string>;
  platform: NodeJS.Platform;
  /** This process. */
  pid: number;
  /** Ends installers. */
  signal: AbortSignal;
}

const LOG_BYTES = 2 * 2 ** 20;
/** Large frameworks from a slow index. */
const INSTALL_MS = 30 * 60_000;
const LAST_LINES = 20;
/** Where converters lie in the folder that is built for them. */
const PACKAGES = "packages";

/** Environments of models on this machine, kept with those of pipelines in `<dataDir>/cache/environments/`. */
export async function createModelEnvironments(deps: ModelEnvironmentsDeps): Promise<ModelEnvironments> {
  const table = systemProcessTable(deps.platform);
  const mark = createHash("sha256")
    .update(await realpath(deps.dataDir))
    .digest("hex")
    .slice(0, 16);
  const token = `${mark}-models.`;
  // Installers of a former life of this process would write into what is built anew.
  await killByToken(`${TOKEN_VARIABLE}=${token}`, { table, clock: deps.clock });
  return new LocalModelEnvironments(deps, token);
}

class LocalModelEnvironments implements ModelEnvironments {
  readonly #deps: ModelEnvironmentsDeps;
  readonly #token: string;
  readonly #root: string;
  readonly #built: BuiltOnce;
  readonly #table;
  readonly #interpreters: Interpreters;
  #installs = 0;

  constructor(deps: ModelEnvironmentsDeps, token: string) {
    this.#deps = deps;
    this.#token = token;
    this.#root = join(deps.dataDir, "cache", "environments");
    this.#table = systemProcessTable(deps.platform);
    this.#built = new BuiltOnce({ root: this.#root, clock: deps.clock, table: this.#table, pid: deps.pid });
    this.#interpreters = new Interpreters(deps.env);
  }

  async prepare(modelDir: string): Promise<string> {
    const declared = await readDeclaration(modelDir);
    for (const note of declared.notes) this.log(modelDir, `${note}\n`);
    const pins = exactPins(declared.requirements);
    if (pins !== undefined && declared.python !== undefined) {
      const folder = await findSatisfying(this.#root, declared.python, pins, this.#deps.env);
      if (folder !== undefined) {
        await markUsed(folder, this.#deps.clock.now());
        return join(folder, "bin", "python");
      }
    }
    const folder = await this.#build(modelDir, declared);
    return join(folder, "bin", "python");
  }

  async converters(modelDir: string, python: string): Promise<string | undefined> {
    const content = await contentOf(dirname(dirname(python)), this.#deps.env);
    if (content === undefined) throw new SlipwayError("ENVIRONMENT_UNDECLARED", `${python} can't be asked`);
    const pins = missingConverters(content);
    if (pins.length === 0) return undefined;
    const text = `${pins.join("\n")}\n`;
    const folder = await this.#built.folder(
      // Some are compiled code, which belongs to one version of Python.
      hashOf("converters", text, content.python, process.arch),
      this.#deps.signal,
      (line) => this.log(modelDir, `${line}\n`),
      (target) => this.#fillConverters(target, { modelDir, python, text }),
    );
    return join(folder, PACKAGES);
  }

  log(modelDir: string, text: string): void {
    const log = new RotatingLog(join(this.#deps.dataDir, "logs", logName(modelDir)), LOG_BYTES);
    log.write(Buffer.from(text) as unknown as Uint8Array);
    log.close();
  }

  async #build(modelDir: string, declared: Declaration): Promise<string> {
    const python = await this.#interpreters.nearest(declared.python);
    const text = `${declared.requirements.join("\n")}\n`;
    const hash = hashOf("model", text, python.mark, declared.hasLocalFiles ? basename(modelDir) : "");
    return this.#built.folder(
      hash,
      this.#deps.signal,
      (line) => this.log(modelDir, `${line}\n`),
      (target) => this.#fill(target, { modelDir, python, text }),
    );
  }

  async #fill(
    target: string,
    { modelDir, python, text }: { modelDir: string; python: Interpreter; text: string },
  ): Promise<void> {
    const uv = findTool("uv", this.#deps.env["PATH"]);
    const file = join(target, "requirements.txt");
    await mkdir(target, { recursive: true });
    await writeFile(file, text);
    const started = this.#deps.clock.now();
    this.log(
      modelDir,
      `installing its environment (Python ${python.version}, ${uv ? "uv" : "venv and pip"})\n${text}`,
    );
    for (const [tool, args] of virtualenvCommands({ uv, python: python.path, target, file, compiles: true }))
      await this.#install(modelDir, tool, args);
    const seconds = ((this.#deps.clock.now() - started) / 1000).toFixed(1);
    this.log(modelDir, `environment installed in ${seconds} s\n`);
  }

  async #fillConverters(
    target: string,
    { modelDir, python, text }: { modelDir: string; python: string; text: string },
  ): Promise<void> {
    const uv = findTool("uv", this.#deps.env["PATH"]);
    const file = join(target, "requirements.txt");
    await mkdir(target, { recursive: true });
    await writeFile(file, text);
    this.log(modelDir, `installing what converts it to ONNX\n${text}`);
    const packages = join(target, PACKAGES);
    const [tool, args] = targetCommand({ uv, python, packages, file });
    await this.#install(modelDir, tool, args);
  }

  /** Runs an installer in the model's folder, where its requirements' relative paths begin. */
  async #install(modelDir: string, tool: string, args: string[]): Promise<void> {
    const { clock, env, signal } = this.#deps;
    let output = "";
    const group = await startGroup({
      argv: [tool, ...args],
      cwd: modelDir,
      env,
      token: `${this.#token}${++this.#installs}`,
      table: this.#table,
      output: (chunk) => {
        output = (output + chunk.toString("utf8")).slice(-16_384);
        this.log(modelDir, chunk.toString("utf8"));
      },
    });
    const stop = (): void => void endGroup(group.record, 1_000, { table: this.#table, clock });
    const timer = setTimeout(stop, INSTALL_MS);
    signal.addEventListener("abort", stop, { once: true });
    group.release();
    const { code, signal: by } = await group.ended;
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    signal.throwIfAborted();
    if (code === 0) return;
    const lastLines = output
      .split("\n")
      .filter((line) => line.trim() !== "")
      .slice(-LAST_LINES);
    throw new SlipwayError(
      "ENVIRONMENT_BUILD_FAILED",
      `installing the model's environment failed: ${basename(tool)} ended with ${by === null ? `exit code ${code}` : `signal ${by}`}: ${lastLines.slice(-6).join(" / ")}`,
      {
        hint: `The whole output is in the data folder's logs/${logName(modelDir)}; correct the model's requirements and log it again.`,
        details: { lastLines },
      },
    );
  }
}

function logName(modelDir: string): string {
  return `model-${basename(modelDir).slice(0, 12)}.log`;
}
