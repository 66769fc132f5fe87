import { mkdir, open, readFile, rm, stat, utimes } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Clock } from "../../../../base/clock.ts";
import { SlipwayError } from "../../../../http/errors.ts";
import { MARKER, markUsed, trimEnvironments } from "./trim.ts";
import type { ProcessTable } from "../process-table.ts";

const LOOK_MS = 200;
/** How often the holder of a lock says that it lives, and after how long without it is lost. */
const BEAT_MS = 5_000;
const LOST_MS = 60_000;
const MAX_BYTES = 20 * 2 ** 30;

export interface BuiltOnceDeps {
  /** Holds one folder per hash. */
  root: string;
  clock: Clock;
  table: ProcessTable;
  /** This process. */
  pid: number;
  /** Where several machines or pods share the folders: this one's name. A number of a process says nothing elsewhere. */
  host?: string;
  /** Of all folders together; default 20 GiB. */
  maxBytes?: number;
  /** Where what others have built is found, by hash and folder, and left for others; default: nowhere. */
  shared?: SharedBuilds;
}

/** Built folders beyond this machine. Neither throws for a passing reason: it is then built, or not shared. */
export interface SharedBuilds {
  /** Fills the folder; false when there is none. */
  fetch(hash: string, folder: string): Promise<boolean>;
  leave(hash: string, folder: string): Promise<void>;
}

/** Folders that are built once per hash, whoever asks and however often, and that are there whole or not at all. */
export class BuiltOnce {
  readonly #deps: BuiltOnceDeps;
  readonly #building = new Map<string, Promise<string>>();

  constructor(deps: BuiltOnceDeps) {
    this.#deps = deps;
  }

  /** The folder; `build` fills it when it isn't there. Who asks meanwhile waits for the same one, or its failure. */
  async folder(
    hash: string,
    signal: AbortSignal,
    log: (line: string) => void,
    build: (folder: string) => Promise<void>,
  ): Promise<string> {
    const folder = join(this.#deps.root, hash);
    if (await exists(join(folder, MARKER))) {
      await markUsed(folder, this.#deps.clock.now());
      return folder;
    }
    const others = this.#building.get(hash);
    if (others !== undefined) {
      log("waiting for its environment, which is being installed already");
      await others.catch(() => {});
      signal.throwIfAborted();
      return this.folder(hash, signal, log, build);
    }
    const building = this.#build(folder, signal, build).finally(() => this.#building.delete(hash));
    this.#building.set(hash, building);
    return building;
  }

  async #build(
    folder: string,
    signal: AbortSignal,
    build: (folder: string) => Promise<void>,
  ): Promise<string> {
    await mkdir(this.#deps.root, { recursive: true });
    const unlock = await this.#lock(`${folder}.lock`, signal);
    try {
      if (await exists(join(folder, MARKER))) return folder;
      await rm(folder, { recursive: true, force: true });
      try {
        await mkdir(folder, { recursive: true });
        await this.#fill(folder, build);
        const marker = await open(join(folder, MARKER), "w");
        await marker.sync();
        await marker.close();
        await this.#trim();
        return folder;
      } catch (error) {
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    } finally {
      await unlock();
    }
  }

  async #fill(folder: string, build: (folder: string) => Promise<void>): Promise<void> {
    const { shared } = this.#deps;
    const hash = basename(folder);
    if (await shared?.fetch(hash, folder)) return;
    await build(folder);
    await shared?.leave(hash, folder);
  }

  /** What can't be removed now may be the next time. */
  async #trim(): Promise<void> {
    const { root, clock, maxBytes = MAX_BYTES } = this.#deps;
    await trimEnvironments(root, maxBytes, clock.now()).catch(() => {});
  }

  /** A file that names its holder; one whose holder has ended is taken over. */
  async #lock(path: string, signal: AbortSignal): Promise<() => Promise<void>> {
    const me = await this.#deps.table.find(this.#deps.pid);
    const mine = `${this.#deps.pid} ${me?.started ?? ""}${this.#place()}`;
    for (;;) {
      signal.throwIfAborted();
      try {
        const file = await open(path, "wx");
        await file.writeFile(mine);
        await file.close();
        const beating = setInterval(() => {
          const now = this.#deps.clock.now() / 1000;
          void utimes(path, now, now).catch(() => {});
        }, BEAT_MS);
        beating.unref();
        return () => {
          clearInterval(beating);
          return rm(path, { force: true });
        };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST")
          throw new SlipwayError("ENVIRONMENT_BUILD_FAILED", `can't write ${path}`, { cause: error });
      }
      if (!(await this.#held(path, mine))) await rm(path, { force: true });
      else await this.#deps.clock.sleep(LOOK_MS, signal);
    }
  }

  #place(): string {
    return this.#deps.host === undefined ? "" : `@${this.#deps.host}`;
  }

  #age(path: string): Promise<number> {
    return stat(path).then(
      (info) => this.#deps.clock.now() - info.mtimeMs,
      () => Infinity,
    );
  }

  async #held(path: string, mine: string): Promise<boolean> {
    const text = await readFile(path, "utf8").catch(() => "");
    // One elsewhere is alive as long as it says so.
    if (text !== "" && this.#place() !== "" && !text.endsWith(this.#place()))
      return (await this.#age(path)) < LOST_MS;
    const [pid, ...rest] = text.split(" ");
    const started = rest.join(" ").replace(/@.*$/, "").split(" ");
    // Empty: its holder is about to write its name, or died right then. Our own name: we are its former life.
    if (!pid || text === mine) return !pid && (await this.#age(path)) < 5_000;
    const holder = await this.#deps.table.find(Number(pid));
    return holder !== undefined && holder.started === started.join(" ");
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
