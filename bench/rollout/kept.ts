import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Row } from "./jobs/job.ts";
import type { EqualVariants } from "./report/real-server.ts";

interface Content {
  /** Of the program and the seed: other ones would give other rollouts. */
  key: string;
  jobs: Record<string, { rows: Row[]; seconds: number }>;
  equalVariants?: EqualVariants;
}

/** What a run has played already, in a file, so that one that was interrupted goes on where it was. */
export class Kept {
  readonly #file: string | undefined;
  readonly #content: Content;

  /** @param file undefined: nothing is kept */
  constructor(file: string | undefined, programPath: string, seed: number) {
    this.#file = file;
    const key = `${createHash("sha256").update(readFileSync(programPath, "utf8")).digest("hex")} ${seed}`;
    const before =
      file !== undefined && existsSync(file)
        ? (JSON.parse(readFileSync(file, "utf8")) as Content)
        : undefined;
    this.#content = before?.key === key ? before : { key, jobs: {} };
  }

  get equalVariants(): EqualVariants | undefined {
    return this.#content.equalVariants;
  }

  /** Of a job that was played with so many rollouts. */
  find(job: string, rollouts: number): { rows: Row[]; seconds: number } | undefined {
    const found = this.#content.jobs[job];
    return found?.rows.length === rollouts ? found : undefined;
  }

  keep(job: string, rows: Row[], seconds: number): void {
    this.#content.jobs[job] = { rows, seconds };
    this.#write();
  }

  keepEqualVariants(equal: EqualVariants): void {
    this.#content.equalVariants = equal;
    this.#write();
  }

  #write(): void {
    if (this.#file === undefined) return;
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#content));
    renameSync(`${this.#file}.new`, this.#file);
  }
}
