import { open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { SlipwayError } from "../../http/errors.ts";
import { SPOOL_ENDED, SPOOL_OPEN } from "./sample-spool.ts";

/** A part of the prediction log that is in no file yet. */
export interface SampleSegment {
  name: string;
  bytes: number;
  /** It is never written again. */
  isEnded: boolean;
}

const NAME = /^[0-9a-z]+-\d{8}\.(?:open|spool)$/;
const MOST_BYTES = 1024 * 1024;

/** The segments of a folder, for whoever makes files of them and isn't on this machine. */
export class SampleSegments {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Oldest first. */
  async list(): Promise<SampleSegment[]> {
    const names = (await readdir(this.#dir)).filter((name) => NAME.test(name)).sort();
    const all = await Promise.all(
      names.map(async (name) => {
        const found = await stat(join(this.#dir, name)).catch(() => undefined);
        return found && { name, bytes: found.size, isEnded: name.endsWith(SPOOL_ENDED) };
      }),
    );
    return all.filter((segment) => segment !== undefined);
  }

  /** Up to `most` bytes from `offset` on; none at its end. It is found under its later name too. NOT_FOUND. */
  async read(name: string, offset: number, most: number): Promise<Buffer> {
    const path = this.#pathOf(name);
    const file = await open(path, "r")
      .catch(() => open(path.replace(SPOOL_OPEN, SPOOL_ENDED), "r"))
      .catch(() => undefined);
    if (file === undefined) throw unknown(name);
    try {
      const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(most, MOST_BYTES)));
      const { bytesRead } = await file.read(buffer as unknown as Uint8Array, 0, buffer.length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  /** No error when it is gone; CONFLICT for one that is still written. */
  async remove(name: string): Promise<void> {
    const path = this.#pathOf(name);
    if (name.endsWith(SPOOL_OPEN))
      throw new SlipwayError("CONFLICT", `segment ${name} is still written`, { given: name });
    await rm(path, { force: true });
  }

  #pathOf(name: string): string {
    if (!NAME.test(name)) throw unknown(name);
    return join(this.#dir, name);
  }
}

function unknown(name: string): SlipwayError {
  return new SlipwayError("NOT_FOUND", "the prediction log has no such segment", {
    given: name.slice(0, 100),
  });
}
