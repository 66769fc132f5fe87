import { createHash } from "node:crypto";

/** Keys of advisory locks: numbers of 64 bits for the whole server's database, so the schema is part of each. */
export class Locks {
  readonly #schema: string;
  /** Held shared by a command that says what it is about, and alone by every other one. */
  readonly everything: bigint;
  /** Held by who brings the schema up to date. */
  readonly migration: bigint;

  constructor(schema: string) {
    this.#schema = schema;
    this.everything = this.#key("everything");
    this.migration = this.#key("migration");
  }

  /** The lock of one thing. Two things that share a key by chance wait for each other, and no harm is done. */
  of(scope: string): bigint {
    return this.#key(`scope ${scope}`);
  }

  #key(name: string): bigint {
    return createHash("sha256").update(`slipway ${this.#schema} ${name}`).digest().readBigInt64BE();
  }
}
