import { timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { bytesOf } from "../../base/bytes.ts";
import { digestOf, readCredentials, TOKEN_PREFIX } from "../../http/credentials.ts";
import { SlipwayError } from "../../http/errors.ts";
import { DEFAULT_TENANT } from "../../http/identity.ts";
import type { TrafficRule } from "../backend.ts";
import { replaceFile } from "./replace-file.ts";

/** The tokens that may ask for predictions, as control knows them. */
export interface PredictionCallers {
  tokens: PredictionToken[];
}

export interface PredictionToken {
  id: string;
  /** Of the token, in hex. */
  sha256: string;
  /** Whose services it may ask; null: everybody's. */
  tenants: readonly string[] | null;
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

/** Whose services a caller may ask; of all others it learns no more than of those that aren't there. */
export interface Reach {
  covers(rule: Pick<TrafficRule, "tenant">): boolean;
}

/** Where nobody is told apart, and of platform admins. */
export const EVERYWHERE: Reach = { covers: () => true };

function reachOf(tenants: readonly string[] | null): Reach {
  if (tenants === null) return EVERYWHERE;
  const all = new Set(tenants);
  return { covers: ({ tenant = DEFAULT_TENANT }) => all.has(tenant) };
}

const OF_DEFAULT = reachOf([DEFAULT_TENANT]);

interface Known extends PredictionToken {
  reach: Reach;
}

/**
 * Who may ask for predictions, without a database on the way: control sends the whole list at every change. While
 * control is down the last list holds, and tokens still end when they expire; nobody can revoke one meanwhile, since
 * revoking is control's.
 */
export class CallerBook {
  readonly #options: CallerBookOptions;
  readonly #fixed: { digest: Buffer; reach: Reach }[];
  #callers: PredictionCallers = { tokens: [] };
  #byDigest = new Map<string, Known>();
  #used = new Set<string>();

  constructor(options: CallerBookOptions) {
    this.#options = options;
    const { platformSha256, stepSha256 } = options;
    this.#fixed = [{ digest: Buffer.from(stepSha256, "hex"), reach: OF_DEFAULT }];
    if (platformSha256 !== null)
      this.#fixed.push({ digest: Buffer.from(platformSha256, "hex"), reach: EVERYWHERE });
    this.#take(readCallers(options.path));
  }

  /** Whose services these headers give a right to, or why to nobody's. Tokens only: passwords are control's to check. */
  reach({ authorization }: IncomingHttpHeaders): Reach | SlipwayError {
    const isOpen = this.#options.platformSha256 === null;
    if (authorization === undefined)
      return isOpen ? EVERYWHERE : new SlipwayError("TOKEN_REQUIRED", "a token is needed", WHERE);
    const given = readCredentials(authorization);
    if (given?.kind === "token") {
      const sha256 = digestOf(given.token);
      const fixed = this.#fixedReach(sha256);
      if (fixed !== undefined) return fixed;
      const known = this.#byDigest.get(sha256);
      if (known !== undefined && (known.expiresAt ?? Infinity) > this.#options.now()) {
        this.#used.add(known.id);
        return known.reach;
      }
      if (isOpen && !given.token.startsWith(TOKEN_PREFIX)) return EVERYWHERE;
    } else if (isOpen) return EVERYWHERE;
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
    if (!isSame) {
      this.#take(callers);
      await replaceFile(this.#options.path, JSON.stringify({ format: 2, ...callers }));
    }
    const used = [...this.#used];
    this.#used = new Set();
    return used;
  }

  #take(callers: PredictionCallers | undefined): void {
    if (callers === undefined) return;
    this.#callers = callers;
    this.#byDigest = new Map(
      callers.tokens.map((token) => [token.sha256, { ...token, reach: reachOf(token.tenants) }]),
    );
  }

  #fixedReach(sha256: string): Reach | undefined {
    const digest = Buffer.from(sha256, "hex");
    let found: Reach | undefined;
    for (const { digest: wanted, reach } of this.#fixed)
      if (wanted.length === digest.length && timingSafeEqual(bytesOf(wanted), bytesOf(digest))) found = reach;
    return found;
  }
}

const WHERE = { where: "Authorization header" };

function readCallers(path: string): PredictionCallers | undefined {
  try {
    const { format, tokens } = JSON.parse(readFileSync(path, "utf8")) as PredictionCallers & {
      format: number;
    };
    if (format === 2) return { tokens };
    // Written before services had tenants: all were the default one's.
    return format === 1
      ? { tokens: tokens.map((token) => ({ ...token, tenants: [DEFAULT_TENANT] })) }
      : undefined;
  } catch {
    // None yet, or one that nobody can read: control sends its own soon, and until then nobody is let in by it.
    return undefined;
  }
}
