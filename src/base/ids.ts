import { randomBytes } from "node:crypto";

/** Source of new identifiers. Passed in, so that tests can name what they get. */
export interface Ids {
  /** 32 lower-case hexadecimal characters, as MLflow names its tracking runs. */
  hex(): string;
  /** `prefix-` and 12 characters that sort by time of creation, then at random. */
  sortable(prefix: string): string;
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Identifiers from the machine's random source and the given clock. */
export function systemIds(now: () => number): Ids {
  return {
    hex: () => randomBytes(16).toString("hex"),
    sortable(prefix) {
      let time = Math.floor(now() / 1000);
      let head = "";
      for (let i = 0; i < 7; i++) {
        head = ALPHABET.charAt(time % 32) + head;
        time = Math.floor(time / 32);
      }
      let tail = "";
      for (const byte of randomBytes(5)) tail += ALPHABET.charAt(byte % 32);
      return `${prefix}-${head}${tail}`;
    },
  };
}
