import { timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { bytesOf } from "../../base/bytes.ts";
import { digestOf, readCredentials, TOKEN_PREFIX } from "../../http/credentials.ts";
import { SlipwayError } from "../../http/errors.ts";
import { replaceFile } from "./replace-file.ts";

/** The tokens that may ask for predictions, as control knows them. */
export interface PredictionCallers {
  tokens: PredictionToken[];
}

export interface PredictionToken {
  id: string;
  /** Of the token, in hex. */
  sha256: string;
  /** Milliseconds since the epoch; null: never. */
  expiresAt: number | null;
}

export interface CallerBookOptions {
  /** The file that keeps the last list, so that predictions go on when this process starts without control. */
  path: string;
  /** SHA-256 (hex) of the platform's own token; null: nobody needs one. */
  platformSha256: string | null;
  /** SHA-256 (hex) of the token of the platform's steps. */
  stepSha256: string;
  now: () => number;
}

/**
 * Who may ask for predictions, without a database on the way: control sends the whole list at every change. While
 * control is down the last list holds, and tokens still end when they expire; nobody can revoke one meanwhile, since
 * revoking is control's.
 */
export class CallerBook {
  readonly #options: CallerBookOptions;
  readonly #fixed: Buffer[];
  #callers: PredictionCallers = { tokens: [] };
  #byDigest = new Map<string, PredictionToken>();
  #used = new Set<string>();

  constructor(options: CallerBookOptions) {
    this.#options = options;
    const { platformSha256, stepSha256 } = options;
    this.#fixed = [stepSha256, ...(platformSha256 === null ? [] : [platformSha256])].map((hex) =>
      Buffer.from(hex, "hex"),
    );
    this.#take(readCallers(options.path));
  }

  /** Why these headers give no right to predictions; null: they do. Tokens only: passwords are control's to check. */
  refusal({ authorization }: IncomingHttpHeaders): SlipwayError | null {
    const isOpen = this.#options.platformSha256 === null;
    if (authorization === undefined)
      return isOpen ? null : new SlipwayError("TOKEN_REQUIRED", "a token is needed", WHERE);
    const given = readCredentials(authorization);
    if (given?.kind === "token") {
      const sha256 = digestOf(given.token);
      if (this.#isFixed(sha256)) return null;
      const known = this.#byDigest.get(sha256);
      if (known !== undefined && (known.expiresAt ?? Infinity) > this.#options.now()) {
        this.#used.add(known.id);
        return null;
      }
      if (isOpen && !given.token.startsWith(TOKEN_PREFIX)) return null;
    } else if (isOpen) return null;
    else if (given?.kind === "password")
      return new SlipwayError("CREDENTIALS_REFUSED", "predictions take a token, not a person's password", {
        ...WHERE,
        hint: "Make one with `slipway token create --scope predict`.",
      });
    return new SlipwayError(
      "CREDENTIALS_REFUSED",
      "this token isn't known, has ended, was revoked or isn't for predictions",
      WHERE,
    );
  }

  /** Takes the whole list, one call after the other, and keeps it; answers the ids that were used since the last. */
  async replace(callers: PredictionCallers): Promise<string[]> {
    const isSame = JSON.stringify(callers.tokens) === JSON.stringify(this.#callers.tokens);
    this.#take(callers);
    if (!isSame) await replaceFile(this.#options.path, JSON.stringify({ format: 1, ...callers }));
    const used = [...this.#used];
    this.#used = new Set();
    return used;
  }

  #take(callers: PredictionCallers | undefined): void {
    if (callers === undefined) return;
    this.#callers = callers;
    this.#byDigest = new Map(callers.tokens.map((token) => [token.sha256, token]));
  }

  #isFixed(sha256: string): boolean {
    const digest = Buffer.from(sha256, "hex");
    let found = false;
    for (const wanted of this.#fixed)
      if (wanted.length === digest.length && timingSafeEqual(bytesOf(wanted), bytesOf(digest))) found = true;
    return found;
  }
}

const WHERE = { where: "Authorization header" };

function readCallers(path: string): PredictionCallers | undefined {
  try {
    const { format, tokens } = JSON.parse(readFileSync(path, "utf8")) as PredictionCallers & {
      format: number;
    };
    return format === 1 ? { tokens } : undefined;
  } catch {
    // None yet, or one that nobody can read: control sends its own soon, and until then nobody is let in by it.
    return undefined;
  }
}
