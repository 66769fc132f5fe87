import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SlipwayError } from "../http/errors.ts";
import { LABEL, LABEL_WORDS, RESERVED_PROJECT_NAMES } from "../spec/names.ts";
import { nearest } from "../spec/nearest.ts";

const PLACEHOLDER = "__NAME__";
/** What may lie in a folder that a project is made in. */
const HARMLESS = new Set([".git", ".slipway", ".DS_Store"]);

/** The project's name: as given, or made of a folder's name by lower case and hyphens. USAGE when nothing is left. */
export function projectName(from: string, isGiven: boolean): string {
  const name = isGiven
    ? from
    : from
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, "-")
        .replaceAll(/^[-0-9]+/g, "")
        .slice(0, 63)
        .replace(/-+$/, "");
  if (LABEL.test(name) && !RESERVED_PROJECT_NAMES.includes(name)) return name;
  throw new SlipwayError(
    "USAGE",
    isGiven ? "that isn't a project's name" : "the folder's name gives no project's name",
    {
      ...(isGiven ? { where: "--name" } : {}),
      given: from,
      allowed: `${LABEL_WORDS}; not ${RESERVED_PROJECT_NAMES.join(", ")}`,
      hint: "Name the project with --name.",
    },
  );
}

/**
 * Copies a template into a new or empty folder, whole or not at all, with the project's name in place; answers the
 * files' paths, sorted. TEMPLATE_UNKNOWN names those that exist, FOLDER_NOT_EMPTY what is in the way.
 */
export async function unpackTemplate(
  packageDir: string,
  template: string,
  folder: string,
  name: string,
): Promise<string[]> {
  const source = await findTemplate(join(packageDir, "templates"), template);
  await refuseOccupied(folder);
  try {
    await mkdir(folder, { recursive: true });
    const staging = await mkdtemp(join(folder, ".slipway-init-"));
    try {
      const files = await copyTree(source, staging, name);
      for (const entry of await readdir(staging)) await rename(join(staging, entry), join(folder, entry));
      return files.sort();
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "ENOSPC" ? "the disk is full" : message;
    throw new SlipwayError("FOLDER_UNWRITABLE", `the project's files can't be written: ${reason}`, {
      where: folder,
      cause: error,
    });
  }
}

async function findTemplate(root: string, name: string): Promise<string> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const known = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  if (known.includes(name)) return join(root, name);
  const near = nearest(name, known);
  throw new SlipwayError("TEMPLATE_UNKNOWN", `there is no template ${JSON.stringify(name)}`, {
    given: name,
    allowed: known.sort().join(", "),
    ...(near === undefined ? {} : { hint: `Did you mean --template ${near}?` }),
  });
}

async function refuseOccupied(folder: string): Promise<void> {
  const refuse = (message: string, given?: string): SlipwayError =>
    new SlipwayError("FOLDER_NOT_EMPTY", message, {
      where: folder,
      ...(given === undefined ? {} : { given }),
    });
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isDirectory()) throw refuse("that is a file, not a folder");
  const inTheWay = (await readdir(folder)).filter((entry) => !HARMLESS.has(entry));
  if (inTheWay.length > 0) throw refuse("the folder isn't empty", inTheWay.slice(0, 5).join(", "));
}

/** npm leaves files named .gitignore out of packages, so a template may call its own `_gitignore`. */
async function copyTree(from: string, to: string, name: string, below = ""): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(join(from, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    const target = join(
      below,
      entry.name === "_gitignore" ? ".gitignore" : entry.name.replaceAll(PLACEHOLDER, name),
    );
    if (entry.isDirectory()) {
      await mkdir(join(to, target), { recursive: true });
      files.push(...(await copyTree(from, to, name, path)));
    } else if (entry.isFile()) {
      const content = await readFile(join(from, path));
      const isText = !content.includes(0);
      const named = isText ? Buffer.from(content.toString("utf8").replaceAll(PLACEHOLDER, name)) : content;
      await writeFile(join(to, target), new Uint8Array(named));
      await chmod(join(to, target), ((await stat(join(from, path))).mode & 0o111) === 0 ? 0o644 : 0o755);
      files.push(target);
    }
  }
  return files;
}
