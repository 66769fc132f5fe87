import { createHash } from "node:crypto";

const MODULUS = 2 ** 48;

/**
 * How many, and which: equal for the same things in whatever order they come. A sum of 48 bits of each thing's SHA-256,
 * so that millions of points need no memory and no sorting. It finds what was lost or changed on the way; it isn't
 * meant to withstand somebody who builds a collision.
 */
export class Digest {
  #count = 0;
  #sum = 0;

  add(thing: readonly (string | number | bigint | null)[]): void {
    const text = JSON.stringify(thing.map((value) => (typeof value === "bigint" ? String(value) : value)));
    const hash = createHash("sha256").update(text).digest();
    this.#sum = (this.#sum + hash.readUIntBE(0, 6)) % MODULUS;
    this.#count++;
  }

  get facts(): Facts {
    return { count: this.#count, digest: this.#sum.toString(16) };
  }
}

export interface Facts {
  count: number;
  digest: string;
}

/** The digest of a list at once. */
export function digestOf(things: Iterable<readonly (string | number | bigint | null)[]>): Facts {
  const digest = new Digest();
  for (const thing of things) digest.add(thing);
  return digest.facts;
}

/** Whether what is here holds what was sent; more than was sent may have been added here since. */
export function holds(here: Facts, sent: Facts): boolean {
  return here.count > sent.count || (here.count === sent.count && here.digest === sent.digest);
}
