import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { bytesOf } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import {
  digestOf,
  readCookie,
  readCredentials,
  TOKEN_PREFIX,
  type Credentials,
} from "../http/credentials.ts";
import { SlipwayError } from "../http/errors.ts";
import { LOCAL_CALLER, stepCaller, type Caller } from "../http/identity.ts";
import { addressOf } from "../http/peer.ts";
import type { Sentry } from "../http/sentry.ts";
import type { Database } from "../store/database.ts";
import { callerOfPerson, callerOfSession, callerOfToken, personRow, type KnownCaller } from "./callers.ts";
import type { Passwords } from "./passwords.ts";
import { SESSION_COOKIE } from "./sessions.ts";
import type { SignInLimits } from "./sign-in-limits.ts";
import type { TokenUses } from "./token-uses.ts";

export interface AuthenticatorDeps {
  db: Database;
  clock: Clock;
  /** SHA-256 (hex) of the platform's own token; null: loopback without a login. */
  platformSha256: string | null;
  /** The tenant whose steps carry this token; undefined: it is no such token. */
  tenantOfStep: (token: string) => string | undefined;
  passwords: Passwords;
  limits: SignInLimits;
  uses: Pick<TokenUses, "note">;
}

/** The platform's own token, printed by `slipway up`. */
const PLATFORM_CALLER: Caller = { ...LOCAL_CALLER, name: "platform", kind: "token" };

/** How long what another process changed may stay unseen; changes of this process are seen at once. */
const TRUSTED_MS = 3_000;
/** How long a password isn't derived again; whether its person may still come in is looked up all the same. */
const PASSWORD_MS = 5 * 60_000;
const KEPT = 4_096;

interface Trusted extends KnownCaller {
  until: number;
}

/** Says who calls, by what the request carries. Remembers for a moment whom it knows, by keyed hashes. */
export class Authenticator implements Sentry {
  readonly #deps: AuthenticatorDeps;
  readonly #key = randomBytes(32);
  readonly #trusted = new Map<string, Trusted>();
  readonly #asked = new Map<string, Promise<Caller>>();
  readonly #passwords = new Map<string, number>();
  readonly #tenants = new Map<string, number>();

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps;
  }

  /** Forgets everyone: somebody's rights have changed in this process. */
  changed(): void {
    this.#trusted.clear();
    this.#asked.clear();
    this.#tenants.clear();
  }

  callerOf(request: FastifyRequest): Caller | Promise<Caller> {
    const { authorization, cookie } = request.headers;
    if (authorization === undefined && cookie === undefined) return this.#withoutCredentials();
    const session = authorization === undefined ? readCookie(cookie, SESSION_COOKIE) : undefined;
    if (authorization === undefined && session === undefined) return this.#withoutCredentials();
    const key = this.#digest(authorization === undefined ? `session ${session}` : `header ${authorization}`);
    const known = this.#trusted.get(key);
    const now = this.#deps.clock.now();
    if (known !== undefined && known.until > now && (known.expiresAt ?? Infinity) > now) {
      this.#deps.uses.note(known.caller.tokenId);
      return known.caller;
    }
    return this.#ask(key, () =>
      authorization === undefined
        ? this.#bySession(session ?? "")
        : this.#byHeader(authorization, addressOf(request)),
    );
  }

  async tenantExists(tenant: string): Promise<boolean> {
    const now = this.#deps.clock.now();
    if ((this.#tenants.get(tenant) ?? 0) > now) return true;
    const row = await this.#deps.db.read((tx) =>
      tx.get<{ name: string }>("SELECT name FROM tenants WHERE name = ?", [tenant]),
    );
    if (row) remember(this.#tenants, tenant, now + TRUSTED_MS);
    return row !== undefined;
  }

  /** The person whose name and password these are. CREDENTIALS_REFUSED, SIGN_IN_LIMITED. */
  async person(name: string, password: string, address: string | null): Promise<Caller> {
    const { db, limits, passwords, clock } = this.#deps;
    const [row, caller] = await db.read(async (tx) => [
      await personRow(tx, name),
      await callerOfPerson(tx, name),
    ]);
    const hash = row?.password_hash ?? null;
    const proof = this.#digest(`password ${hash} ${password}`);
    if (hash === null || (this.#passwords.get(proof) ?? 0) <= clock.now()) {
      const succeeded = limits.begin(name, address);
      if (!(await passwords.matches(password, hash))) throw refused();
      succeeded();
      remember(this.#passwords, proof, clock.now() + PASSWORD_MS);
    }
    if (!caller) throw refused();
    return caller;
  }

  #withoutCredentials(): Caller {
    if (this.#deps.platformSha256 === null) return LOCAL_CALLER;
    throw new SlipwayError("TOKEN_REQUIRED", "a token is needed", { where: "Authorization header" });
  }

  /** One look for all who ask the same at once. */
  #ask(key: string, look: () => Promise<KnownCaller>): Promise<Caller> {
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const asking = look()
      .then((known) => {
        // Forgotten meanwhile: it may have been read before the change.
        if (this.#asked.get(key) === asking)
          remember(this.#trusted, key, { ...known, until: this.#deps.clock.now() + TRUSTED_MS });
        this.#deps.uses.note(known.caller.tokenId);
        return known.caller;
      })
      .finally(() => {
        if (this.#asked.get(key) === asking) this.#asked.delete(key);
      });
    this.#asked.set(key, asking);
    return asking;
  }

  async #byHeader(authorization: string, address: string | null): Promise<KnownCaller> {
    const given = readCredentials(authorization);
    if (given?.kind === "token") return this.#byToken(given);
    if (given === undefined) return this.#stranger();
    return { caller: await this.person(given.name, given.password, address), expiresAt: null };
  }

  async #byToken({ token }: Extract<Credentials, { kind: "token" }>): Promise<KnownCaller> {
    const { platformSha256, tenantOfStep, db, clock } = this.#deps;
    const sha256 = digestOf(token);
    const tenant = tenantOfStep(token);
    if (tenant !== undefined) return { caller: stepCaller(tenant), expiresAt: null };
    if (platformSha256 !== null && isSame(sha256, platformSha256))
      return { caller: PLATFORM_CALLER, expiresAt: null };
    if (!token.startsWith(TOKEN_PREFIX)) return this.#stranger();
    const known = await db.read((tx) => callerOfToken(tx, sha256, clock.now()));
    if (!known) throw refused();
    return known;
  }

  async #bySession(session: string): Promise<KnownCaller> {
    const { db, clock } = this.#deps;
    const known = await db.read((tx) => callerOfSession(tx, digestOf(session), clock.now()));
    return known ?? { caller: this.#withoutCredentials(), expiresAt: null };
  }

  /** Credentials that can't be ours. Where no login is asked for they mean another system and change nothing. */
  #stranger(): KnownCaller {
    if (this.#deps.platformSha256 === null) return { caller: LOCAL_CALLER, expiresAt: null };
    throw refused();
  }

  /** Keyed, so that what is kept in memory is no hash that could be looked up elsewhere. */
  #digest(text: string): string {
    return createHmac("sha256", bytesOf(this.#key)).update(text).digest("base64");
  }
}

function refused(): SlipwayError {
  return new SlipwayError(
    "CREDENTIALS_REFUSED",
    "these credentials aren't known, have ended or were revoked",
    {
      where: "Authorization header",
    },
  );
}

function isSame(hex: string, other: string): boolean {
  const [a, b] = [Buffer.from(hex, "hex"), Buffer.from(other, "hex")];
  return a.length === b.length && timingSafeEqual(bytesOf(a), bytesOf(b));
}

/** Keeps a bounded number, the oldest going first. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= KEPT) return;
  const oldest = map.keys().next().value;
  if (oldest !== undefined) map.delete(oldest);
}
