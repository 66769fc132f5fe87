import { SlipwayError } from "../http/errors.ts";
import type { SpecProblem } from "../spec/parse.ts";
import type { ServiceState } from "./environment.ts";
import type { Git } from "./plumbing.ts";
import { MAX_SERVICE_FILE_BYTES, parseServiceFile, serviceOfPath } from "./service-file.ts";

/** A file or submodule in a commit. */
export interface TreeFile {
  mode: string;
  type: string;
  object: string;
  /** Bytes; -1 for what isn't a blob. */
  size: number;
  path: string;
}

/** Everything that a commit holds, or only what is at the given paths. */
export async function listFiles(
  git: Git,
  repository: string,
  commit: string,
  options: { paths?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
): Promise<TreeFile[]> {
  const { stdout } = await git.run(
    ["ls-tree", "-r", "-z", "--long", "--full-tree", commit, "--", ...(options.paths ?? [])],
    { repository, maxBytes: 64 * 1024 * 1024, ...(options.env ? { env: options.env } : {}) },
  );
  return stdout
    .toString("utf8")
    .split("\0")
    .filter((line) => line !== "")
    .map((line) => {
      const tab = line.indexOf("\t");
      const [mode = "", type = "", object = "", size = "-"] = line.slice(0, tab).split(/ +/);
      return { mode, type, object, size: size === "-" ? -1 : Number(size), path: line.slice(tab + 1) };
    });
}

/** Contents of blobs by object id, in one process. They must be small: all are held at once. */
export async function readBlobs(
  git: Git,
  repository: string,
  objects: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  if (objects.length === 0) return found;
  const { stdout } = await git.run(["cat-file", "--batch"], {
    repository,
    input: `${objects.join("\n")}\n`,
    maxBytes: 256 * 1024 * 1024,
    ...(env ? { env } : {}),
  });
  let at = 0;
  while (at < stdout.length) {
    const newline = stdout.indexOf(10, at);
    const [object = "", , size] = stdout.subarray(at, newline).toString().split(" ");
    // A missing object is answered with `<id> missing`.
    const bytes = size === undefined ? 0 : Number(size);
    if (size !== undefined) {
      found.set(object, stdout.subarray(newline + 1, newline + 1 + bytes).toString("utf8"));
    }
    at = newline + 1 + (size === undefined ? 0 : bytes + 1);
  }
  return found;
}

/** All services at a commit. GIT_SERVICE_FILE_INVALID when a file there is none (a push of one is refused). */
export async function readServices(
  git: Git,
  repository: string,
  commit: string,
): Promise<Map<string, ServiceState>> {
  const files = await listFiles(git, repository, commit, { paths: ["services/"] });
  const blobs = await readBlobs(
    git,
    repository,
    files.filter((file) => file.type === "blob" && file.size <= MAX_SERVICE_FILE_BYTES).map((f) => f.object),
  );
  const services = new Map<string, ServiceState>();
  for (const file of files) {
    const name = serviceOfPath(file.path);
    const text = blobs.get(file.object);
    if (name === undefined || text === undefined) continue;
    const parsed = parseServiceFile(text, file.path);
    if (!parsed.ok) throw invalidServiceFile(commit, parsed.problems);
    services.set(name, parsed.value);
  }
  return services;
}

function invalidServiceFile(commit: string, problems: readonly SpecProblem[]): SlipwayError {
  const [first] = problems;
  return new SlipwayError("GIT_SERVICE_FILE_INVALID", first?.message ?? "not a service file", {
    where: `${first?.file}:${first?.line}:${first?.column} at commit ${commit}`,
    ...(first?.given === undefined ? {} : { given: first.given }),
    ...(first?.allowed === undefined ? {} : { allowed: first.allowed }),
  });
}
