import { randomFillSync } from "node:crypto";

/** Source of new identifiers. Passed in, so that tests can name what they get. */
export interface Ids {
  /** 32 lower-case hexadecimal characters, as MLflow names its tracking runs. */
  hex(): string;
  /** `prefix-` and 12 characters that sort by time of creation, then at random. */
  sortable(prefix: string): string;
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Bytes asked for at a time: asking costs more than the bytes. */
const POOL = 4096;

/** Bytes of the machine's random source, each given out once. */
function randomPool(): (count: number) => Buffer {
  const pool = Buffer.alloc(POOL);
  let at = POOL;
  return (count) => {
    if (at + count > POOL) {
      randomFillSync(pool as unknown as Uint8Array);
      at = 0;
    }
    at += count;
    return pool.subarray(at - count, at);
  };
}

/** Identifiers from the machine's random source and the given clock. */
export function systemIds(now: () => number): Ids {
  const random = randomPool();
  return {
    hex: () => random(16).toString("hex"),
    sortable(prefix) {
      let time = Math.floor(now() / 1000);
      let head = "";
      for (let i = 0; i < 7; i++) {
        head = ALPHABET.charAt(time % 32) + head;
        time = Math.floor(time / 32);
      }
      let tail = "";
      for (const byte of random(5)) tail += ALPHABET.charAt(byte % 32);
      return `${prefix}-${head}${tail}`;
    },
  };
}
