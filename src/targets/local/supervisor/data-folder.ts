import { createHash, randomBytes } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
  linkSync,
  openSync,
  fsyncSync,
  closeSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { SlipwayError } from "../../../http/errors.ts";
import type { ProcessTable } from "../engine/process-table.ts";

export interface DataFolderOptions {
  dataDir: string;
  /** Where the folder of sockets goes when its path below the data folder were too long for a socket. */
  tempDir: string;
  /** This program's version. */
  version: string;
  pid: number;
  uid: number;
  processes: ProcessTable;
}

export interface DataFolder {
  /** Folder of sockets. */
  runDir: string;
  /** Remembers which children live, so that the next start can end those that outlived a killed supervisor. */
  recordChildren(children: readonly { name: string; pid: number }[]): void;
  /** Gives the folder free. */
  release(): void;
}

interface Holder {
  pid: number;
  started: string;
}

const FORMAT = 1;
/** A socket's path ends at 104 bytes on macOS and 108 on Linux; our longest name has 20. */
const MAX_RUN_DIR = 80;
const MIN_FREE_BYTES = 32 * 1024 * 1024;
const LEFTOVERS_GONE_MS = 5_000;

/**
 * Makes the data folder, or takes it over: its format must be known, no living process may hold it, and
 * whatever a killed supervisor left running is ended. DATA_NEWER, DATA_IN_USE, DATA_UNUSABLE and DISK_FULL say why not.
 */
export async function openDataFolder(options: DataFolderOptions): Promise<DataFolder> {
  const { dataDir, processes, pid } = options;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    checkSpace(dataDir);
    checkFormat(dataDir, options.version);
    const own = { pid, started: (await processes.find(pid))?.started ?? "" };
    const release = await takeLock(dataDir, own, processes);
    const runDir = makeRunDir(options);
    await endLeftovers(childrenFile(dataDir), processes);
    for (const name of readdirSync(runDir)) if (name.endsWith(".sock")) rmSync(join(runDir, name));
    for (const name of ["logs", "serve"]) mkdirSync(join(dataDir, name), { recursive: true });
    return {
      runDir,
      recordChildren: (children) => void record(childrenFile(dataDir), children, processes),
      release() {
        rmSync(childrenFile(dataDir), { force: true });
        release();
      },
    };
  } catch (error) {
    throw folderError(error, dataDir);
  }
}

function folderError(error: unknown, dataDir: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  const facts = { where: dataDir, cause: error };
  if (code === "ENOSPC" || code === "EDQUOT")
    return new SlipwayError("DISK_FULL", "the disk of the data folder is full", facts);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return new SlipwayError("DATA_UNUSABLE", "the data folder can't be written to", facts);
  if (code === "ENOTDIR" || code === "EEXIST")
    return new SlipwayError("DATA_UNUSABLE", "the data folder's path is a file", facts);
  return error;
}

function checkSpace(dataDir: string): void {
  const { bavail, bsize } = statfsSync(dataDir);
  if (bavail * bsize >= MIN_FREE_BYTES) return;
  throw new SlipwayError("DISK_FULL", `the disk of the data folder has ${bavail * bsize} bytes free`, {
    where: dataDir,
    allowed: `at least ${MIN_FREE_BYTES}`,
  });
}

function checkFormat(dataDir: string, version: string): void {
  const path = join(dataDir, "version.json");
  const text = readIfThere(path);
  if (text === undefined)
    return writeWhole(path, `${JSON.stringify({ format: FORMAT, slipway: version })}\n`);
  const found = parse<{ format?: unknown; slipway?: unknown }>(text);
  if (typeof found?.format !== "number")
    throw new SlipwayError("DATA_UNUSABLE", "the data folder's version.json can't be read", { where: path });
  if (found.format > FORMAT)
    throw new SlipwayError(
      "DATA_NEWER",
      `a newer Slipway (${String(found.slipway)}) wrote this data folder`,
      {
        where: path,
        given: `format ${found.format}`,
        allowed: `format ${FORMAT}`,
      },
    );
  return undefined;
}

async function takeLock(dataDir: string, own: Holder, processes: ProcessTable): Promise<() => void> {
  const path = join(dataDir, "lock");
  const offer = join(dataDir, `lock.${own.pid}.${randomBytes(4).toString("hex")}`);
  const content = JSON.stringify(own);
  writeFileSync(offer, content, { mode: 0o600 });
  try {
    for (;;) {
      // A hard link appears whole or not at all, and only one process can make it.
      if (tryLink(offer, path)) break;
      const text = readIfThere(path);
      const holder = text === undefined ? undefined : parse<Holder>(text);
      if (holder !== undefined && (await isAlive(holder, processes)))
        throw new SlipwayError("DATA_IN_USE", `another platform (pid ${holder.pid}) holds this data folder`, {
          where: dataDir,
          details: { pid: holder.pid },
        });
      takeAway(path, text);
    }
  } finally {
    rmSync(offer, { force: true });
  }
  return () => {
    if (readIfThere(path) === content) rmSync(path, { force: true });
  };
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a dead process's lock. Two may try: what was moved aside must be the very lock that was judged. */
function takeAway(path: string, judged: string | undefined): void {
  const aside = `${path}.stale.${randomBytes(4).toString("hex")}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readIfThere(aside) !== judged) tryLink(aside, path);
  rmSync(aside, { force: true });
}

async function isAlive(holder: Holder, processes: ProcessTable): Promise<boolean> {
  const found = await processes.find(holder.pid);
  return found !== undefined && !found.zombie && found.started === holder.started;
}

function makeRunDir({ dataDir, tempDir, uid }: DataFolderOptions): string {
  const inside = join(dataDir, "run");
  mkdirSync(inside, { recursive: true, mode: 0o700 });
  if (Buffer.byteLength(inside) <= MAX_RUN_DIR) return inside;
  const hash = createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
  const short = join(Buffer.byteLength(tempDir) <= 40 ? tempDir : "/tmp", `slipway-${uid}-${hash}`);
  mkdirSync(short, { recursive: true, mode: 0o700 });
  const info = statSync(short);
  // Another user may have made it first, to listen in our place.
  if (info.uid !== uid || (info.mode & 0o077) !== 0)
    throw new SlipwayError("DATA_UNUSABLE", "the folder for sockets belongs to someone else", {
      where: short,
    });
  return short;
}

function childrenFile(dataDir: string): string {
  return join(dataDir, "run", "children.json");
}

let writing = Promise.resolve();

function record(
  path: string,
  children: readonly { name: string; pid: number }[],
  processes: ProcessTable,
): Promise<void> {
  writing = writing.then(async () => {
    const known: (Holder & { name: string })[] = [];
    for (const child of children) {
      const found = await processes.find(child.pid);
      if (found !== undefined) known.push({ ...child, started: found.started });
    }
    try {
      writeWhole(path, JSON.stringify(known));
    } catch {
      // A full disk: children end by themselves when their supervisor is gone; this list is the second net.
    }
  });
  return writing;
}

async function endLeftovers(path: string, processes: ProcessTable): Promise<void> {
  const children = parse<(Holder & { name: string })[]>(readIfThere(path) ?? "[]") ?? [];
  const deadline = performance.now() + LEFTOVERS_GONE_MS;
  for (const child of children) {
    while ((await isAlive(child, processes)) && performance.now() < deadline) {
      try {
        process.kill(child.pid, "SIGKILL");
      } catch {
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function parse<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** Flushed, then renamed into place. */
function writeWhole(path: string, text: string): void {
  const temporary = `${path}.new`;
  const fd = openSync(temporary, "w", 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}
