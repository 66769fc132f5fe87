import { copyFile, lstat, readFile, rm, symlink } from "node:fs/promises";
import { basename, delimiter, dirname, join } from "node:path";
import type { EnvironmentRequest, PreparedEnvironment } from "../../../../pipelines/environments.ts";
import { SlipwayError } from "../../../../http/errors.ts";
import type { BuiltOnce } from "./built-once.ts";
import { install } from "./install.ts";
import { hashOf, needTool, toolMark } from "./tools.ts";

interface PackageJson {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  workspaces?: unknown;
}

/** Files beside package.json that change what npm installs. */
const COMPANIONS = ["package-lock.json", ".npmrc"];

/** `node_modules` as a package.json asks for it, linked into the working folder. Without dependencies nothing is done. */
export async function prepareNode(
  request: EnvironmentRequest,
  file: string,
  built: BuiltOnce,
): Promise<PreparedEnvironment> {
  const { env, log } = request;
  const folder = dirname(join(request.workDir, file));
  const text = await readFile(join(request.workDir, file), "utf8").catch((error: unknown) => {
    throw new SlipwayError("ENVIRONMENT_FILE_MISSING", `environment.node: ${file} isn't in the commit`, {
      cause: error,
    });
  });
  const dependencies = parse(text, file);
  needTool("node", env.PATH, `environment.node (${file})`);
  const machine = `${toolMark("node", env.PATH)} ${process.platform} ${process.arch}`;
  if (Object.keys(dependencies).length === 0) return { hash: hashOf("node", "", machine), env: {} };

  const npm = needTool("npm", env.PATH, `environment.node (${file} has dependencies)`);
  const companions = await Promise.all(
    COMPANIONS.map(async (name) => ({
      name,
      text: await readFile(join(folder, name), "utf8").catch(() => undefined),
    })),
  );
  const locked = companions[0]?.text !== undefined;
  const contents = companions.map(({ text }) => text ?? "");
  const hash = hashOf("node", text, machine, ...contents);
  const home = await built.folder(hash, request.signal, log, async (target) => {
    const command = locked ? "ci" : "install";
    log(`installing its environment (${file} with npm ${command}, first time for this content)`);
    await copyFile(join(request.workDir, file), join(target, "package.json"));
    for (const { name, text } of companions)
      if (text !== undefined) await copyFile(join(folder, name), join(target, name));
    const args = [command, "--omit=dev", "--no-audit", "--no-fund", "--no-progress"];
    await install(request, file, { file: npm, args, cwd: target, env });
    log("environment installed");
  });
  const modules = join(home, "node_modules");
  await link(modules, join(folder, "node_modules"));
  const bin = join(modules, ".bin");
  return { hash, env: { PATH: [bin, env.PATH ?? ""].join(delimiter) } };
}

function parse(text: string, file: string): Record<string, string> {
  let parsed: PackageJson;
  try {
    parsed = JSON.parse(text) as PackageJson;
  } catch (error) {
    throw new SlipwayError(
      "ENVIRONMENT_BUILD_FAILED",
      `${basename(file)} isn't JSON: ${(error as Error).message}`,
    );
  }
  const dependencies = { ...parsed.dependencies, ...parsed.optionalDependencies };
  const local = Object.entries(dependencies).find(([, range]) =>
    /^(file|link|workspace|portal):|^[./~]/.test(range),
  );
  if (local !== undefined || parsed.workspaces !== undefined)
    throw new SlipwayError(
      "ENVIRONMENT_UNSUPPORTED",
      `${file}: ${local ? `dependency ${local.join("@")}` : "workspaces"}: an environment is shared by many commits, so it can't hold folders of one`,
      { hint: "Import the folder by a relative path instead." },
    );
  return dependencies;
}

async function link(target: string, path: string): Promise<void> {
  const info = await lstat(path).catch(() => undefined);
  // A committed node_modules folder wins over nothing we could install: it is what the author runs.
  if (info !== undefined && !info.isSymbolicLink()) return;
  await rm(path, { force: true });
  await symlink(target, path, "dir");
}
