import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { SlipwayError } from "../../../http/errors.ts";
import { toolMark } from "../engine/environments/tools.ts";

/** An installed Python. */
export interface Interpreter {
  path: string;
  /** Such as "3.11.7". */
  version: string;
  /** Equal for two that behave alike. */
  mark: string;
}

const run = promisify(execFile);
const ASK = "import sys; print('.'.join(map(str, sys.version_info[:3])), sys.prefix == sys.base_prefix)";
const OLDEST_MINOR = 8;
const NEWEST_MINOR = 16;

/** The Pythons of this machine: on the PATH, and those that pyenv and uv have installed. */
export class Interpreters {
  readonly #env: Record<string, string>;
  /** By mark, since starting an interpreter takes long; undefined for what can't be run. */
  readonly #known = new Map<string, Interpreter | undefined>();

  constructor(env: Record<string, string>) {
    this.#env = env;
  }

  /**
   * The nearest to what is asked: of the same minor version, then the closest patch. Anything else isn't near: what
   * was pickled by one minor version often can't be read by another. ENVIRONMENT_PYTHON_MISSING names what is there.
   */
  async nearest(asked: string | undefined): Promise<Interpreter> {
    const places = await this.#places();
    const [major, minor, patch = 0] = (asked ?? "").split(".").map(Number);
    const fits = ({ version }: Interpreter): boolean => {
      const [itsMajor, itsMinor] = version.split(".").map(Number);
      return asked === undefined || (itsMajor === major && (minor === undefined || itsMinor === minor));
    };
    // Those whose name says so are asked first: each that is asked has to be started.
    const named = places.filter((path) => path.includes(`3.${minor ?? ""}`));
    const fitting = (await this.#installed(named)).filter(fits);
    const installed = fitting.length > 0 ? fitting : await this.#installed(places);
    if (fitting.length === 0) fitting.push(...installed.filter(fits));
    const distance = ({ version }: Interpreter): number => Math.abs(Number(version.split(".")[2]) - patch);
    const [best] = fitting.toSorted((a, b) => distance(a) - distance(b));
    if (best !== undefined) return best;
    const there = [...new Set(installed.map(({ version }) => version))].join(", ");
    throw new SlipwayError(
      "ENVIRONMENT_PYTHON_MISSING",
      `the model asks for Python ${asked ?? "3"}; installed here ${there === "" ? "is none" : `are ${there}`}`,
      { given: asked ?? "3", allowed: there },
    );
  }

  async #installed(places: readonly string[]): Promise<Interpreter[]> {
    const found: Interpreter[] = [];
    for (const path of places) {
      const mark = toolMark(path, "/");
      if (mark.endsWith(": none")) continue;
      if (!this.#known.has(mark)) this.#known.set(mark, await this.#ask(path, mark));
      const interpreter = this.#known.get(mark);
      if (interpreter !== undefined) found.push(interpreter);
    }
    return found;
  }

  async #places(): Promise<string[]> {
    const names = ["python3"];
    for (let minor = NEWEST_MINOR; minor >= OLDEST_MINOR; minor--) names.push(`python3.${minor}`);
    const folders = (this.#env["PATH"] ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
    const places = folders.flatMap((folder) => names.map((name) => join(folder, name)));
    const home = this.#env["HOME"];
    const managed = [
      this.#env["PYENV_ROOT"] ?? (home === undefined ? undefined : join(home, ".pyenv")),
      home === undefined ? undefined : join(home, ".local", "share", "uv", "python"),
    ];
    for (const [index, root] of managed.entries()) {
      if (root === undefined) continue;
      const folder = index === 0 ? join(root, "versions") : root;
      for (const version of await readdir(folder).catch(() => []))
        places.push(join(folder, version, "bin", "python3"));
    }
    return places;
  }

  /** Shims that lead nowhere, and virtual environments, which somebody may change or remove, are none. */
  async #ask(path: string, mark: string): Promise<Interpreter | undefined> {
    try {
      const { stdout } = await run(path, ["-c", ASK], { env: this.#env, timeout: 30_000 });
      const [version = "", isBase] = stdout.trim().split(" ");
      return /^3\.\d+\.\d+$/.test(version) && isBase === "True" ? { path, version, mark } : undefined;
    } catch {
      return undefined;
    }
  }
}
