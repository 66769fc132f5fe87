import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

/** A log file that begins anew when it is full; the full one is kept as `<name>.1` until the next. */
export class RotatingLog {
  readonly #path: string;
  readonly #maxBytes: number;
  #fd: number | undefined;
  #bytes = 0;

  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** Written when it returns. A full disk costs lines, never the process. */
  write(chunk: Uint8Array): void {
    try {
      if (this.#fd !== undefined && this.#bytes + chunk.length > this.#maxBytes) this.#rotate();
      if (this.#fd === undefined) {
        this.#fd = openSync(this.#path, "a", 0o600);
        this.#bytes = fstatSync(this.#fd).size;
      }
      this.#bytes += writeSync(this.#fd, chunk);
    } catch {
      this.close();
    }
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  #rotate(): void {
    this.close();
    renameSync(this.#path, `${this.#path}.1`);
  }
}
