import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { bytesOf } from "../base/bytes.ts";
import { SlipwayError } from "../http/errors.ts";

/** Of scrypt (RFC 7914): 2^cost rounds over blocks of `r`, `p` times; 128 * r * 2^cost bytes of memory. */
interface Cost {
  log2N: number;
  r: number;
  p: number;
}

/** OWASP's advice for 32 MiB: about 0.2 s of one core. */
const COST: Cost = { log2N: 15, r: 8, p: 3 };
const KEY_BYTES = 32;
/** Derived at once, and waiting; each holds 32 MiB. */
const AT_ONCE = 2;
const WAITING = 32;

/** Hashes and checks passwords, a few at a time: guessing must not take the machine's memory. */
export class Passwords {
  readonly #cost: Cost;
  #running = 0;
  readonly #line: (() => void)[] = [];
  /** Compared with where there is no password, so that this takes as long. */
  #decoy: Promise<string> | undefined;

  /** `log2N` is for tests, which can't wait. */
  constructor(log2N: number = COST.log2N) {
    this.#cost = { ...COST, log2N };
  }

  /** `scrypt$<log2N>$<r>$<p>$<salt>$<key>`, the last two in base64url. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(16);
    const key = await this.#derive(password, salt, this.#cost);
    const { log2N, r, p } = this.#cost;
    return ["scrypt", log2N, r, p, salt.toString("base64url"), key.toString("base64url")].join("$");
  }

  /** Whether the hash is the password's; with null never, after the same time. */
  async matches(password: string, hash: string | null): Promise<boolean> {
    this.#decoy ??= this.hash("decoy");
    const [scheme, log2N, r, p, salt, key] = (hash ?? (await this.#decoy)).split("$");
    if (scheme !== "scrypt" || salt === undefined || key === undefined) return false;
    const cost = { log2N: Number(log2N), r: Number(r), p: Number(p) };
    const derived = await this.#derive(password, Buffer.from(salt, "base64url"), cost);
    const wanted = Buffer.from(key, "base64url");
    const isEqual = wanted.length === derived.length && timingSafeEqual(bytesOf(wanted), bytesOf(derived));
    return isEqual && hash !== null;
  }

  async #derive(password: string, salt: Buffer, { log2N, r, p }: Cost): Promise<Buffer> {
    await this.#enter();
    try {
      const N = 2 ** log2N;
      const options = { N, r, p, maxmem: 256 * N * r };
      return await new Promise<Buffer>((resolve, reject) =>
        scrypt(password.normalize("NFKC"), bytesOf(salt), KEY_BYTES, options, (error, key) =>
          error ? reject(error) : resolve(key),
        ),
      );
    } finally {
      this.#running--;
      this.#line.shift()?.();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running >= AT_ONCE) {
      if (this.#line.length >= WAITING)
        throw new SlipwayError("SIGN_IN_LIMITED", "too many people sign in at once");
      await new Promise<void>((resolve) => this.#line.push(resolve));
    }
    this.#running++;
  }
}

/** Throws unless it is worth hashing (NIST SP 800-63B: length counts, composition doesn't). */
export function checkPassword(password: string, name: string): void {
  const isLong = password.length >= 12 && password.length <= 1024;
  const hasName = name.length >= 3 && password.toLowerCase().includes(name.toLowerCase());
  const isMonotonous = new Set(password).size < 5;
  if (isLong && !hasName && !isMonotonous) return;
  throw new SlipwayError("PASSWORD_WEAK", "this password is too easy to guess", {
    allowed: "12 to 1024 characters, 5 of them different, without the name",
  });
}
