import { readFile } from "node:fs/promises";
import { delimiter, dirname, join, normalize } from "node:path";
import type { EnvironmentRequest, PreparedEnvironment } from "../../../../pipelines/environments.ts";
import { SlipwayError } from "../../../../http/errors.ts";
import type { BuiltOnce } from "./built-once.ts";
import { install } from "./install.ts";
import { findTool, hashOf, needTool, toolVersion } from "./tools.ts";

const VERSION =
  "import sys, platform; print(sys.executable, sys.version.replace(chr(10), ' '), platform.machine())";

/** A virtual environment with what a requirements.txt asks for: by `uv` where it is on the PATH, else by venv and pip. */
export async function preparePython(
  request: EnvironmentRequest,
  file: string,
  built: BuiltOnce,
): Promise<PreparedEnvironment> {
  const { env, log, workDir } = request;
  const python = needTool("python3", env.PATH, `environment.python (${file})`);
  const content = await readRequirements(workDir, file, new Set());
  const version = await toolVersion(python, ["-c", VERSION], env);
  // Packages that lie in the repository itself change with it.
  const local = /^\s*(\.|\/|file:)|@\s*file:/m.test(content) ? request.tree : "";
  const hash = hashOf("python", content, version, local);
  const folder = await built.folder(hash, request.signal, log, async (target) => {
    const uv = findTool("uv", env.PATH);
    log(
      `installing its environment (${file} with ${uv ? "uv" : "venv and pip"}, first time for this content)`,
    );
    const commands = virtualenvCommands({ uv, python, target, file });
    for (const [tool, args] of commands)
      await install(request, file, { file: tool, args, cwd: workDir, env });
    log("environment installed");
  });
  const bin = join(folder, "bin");
  return { hash, env: { VIRTUAL_ENV: folder, PATH: [bin, env.PATH ?? ""].join(delimiter) } };
}

/** What makes a virtual environment in `target` with what a requirements file asks for. */
export function virtualenvCommands({
  uv,
  python,
  target,
  file,
  compiles = false,
}: {
  uv: string | undefined;
  python: string;
  target: string;
  file: string;
  /** Also by uv, which otherwise leaves compiling to whoever imports first; pip does always. */
  compiles?: boolean;
}): [tool: string, args: string[]][] {
  const own = join(target, "bin", "python");
  if (uv !== undefined)
    return [
      [uv, ["venv", "--quiet", "--python", python, "--allow-existing", target]],
      [uv, ["pip", "install", ...(compiles ? ["--compile-bytecode"] : []), "--python", own, "-r", file]],
    ];
  const quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"];
  return [
    [python, ["-m", "venv", target]],
    [own, ["-m", "pip", "install", ...quiet, "-r", file]],
  ];
}

/** What puts exactly the packages of a requirements file, and nothing that they need, into a folder of their own. */
export function targetCommand({
  uv,
  python,
  packages,
  file,
}: {
  uv: string | undefined;
  python: string;
  packages: string;
  file: string;
}): [tool: string, args: string[]] {
  const common = ["--no-deps", "--target", packages, "-r", file];
  return uv === undefined
    ? [
        python,
        [
          "-m",
          "pip",
          "install",
          "--disable-pip-version-check",
          "--no-input",
          "--progress-bar",
          "off",
          ...common,
        ],
      ]
    : [uv, ["pip", "install", "--compile-bytecode", "--python", python, ...common]];
}

/** The file with all that it includes by -r and -c, as one text. */
async function readRequirements(workDir: string, file: string, seen: Set<string>): Promise<string> {
  const path = normalize(file);
  if (seen.has(path)) return "";
  seen.add(path);
  const text = await readFile(join(workDir, path), "utf8").catch((error: unknown) => {
    throw new SlipwayError("ENVIRONMENT_FILE_MISSING", `environment.python: ${path} isn't in the commit`, {
      cause: error,
    });
  });
  let all = `${text}\n`;
  for (const line of text.split("\n")) {
    if (/^\s*(-e|--editable)\b/.test(line))
      throw new SlipwayError(
        "ENVIRONMENT_UNSUPPORTED",
        `${path}: ${line.trim()}: an environment is shared by many commits, so nothing in it may be editable`,
        { hint: "Write the path without -e." },
      );
    const included = /^\s*(?:-r|--requirement|-c|--constraint)[=\s]*([^\s#]+)/.exec(line)?.[1];
    if (included !== undefined && !/^[a-z]+:\/\//.test(included))
      all += await readRequirements(workDir, join(dirname(path), included), seen);
  }
  return all;
}
