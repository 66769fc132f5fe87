import { randomBytes } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { digestOf } from "../http/credentials.ts";
import { defineCommand, type Database } from "../store/database.ts";

/** What a browser carries after a sign-in: 256 random bits, of which the database has the SHA-256. */
export const SESSION_COOKIE = "slipway_session";

const SESSION_MS = 12 * 60 * 60_000;
/** Sessions of one person; the oldest end first. */
const MOST_SESSIONS = 20;

const openSession = defineCommand(
  "tenancy.open-session",
  async (
    tx,
    { sha256, person, now, expiresAt }: { sha256: string; person: string; now: number; expiresAt: number },
  ): Promise<null> => {
    await tx.run("DELETE FROM sessions WHERE expires_at <= ?", [now]);
    await tx.run(
      `DELETE FROM sessions WHERE person = ? AND sha256 NOT IN
         (SELECT sha256 FROM sessions WHERE person = ? ORDER BY created_at DESC LIMIT ?)`,
      [person, person, MOST_SESSIONS - 1],
    );
    await tx.run("INSERT INTO sessions (sha256, person, created_at, expires_at) VALUES (?, ?, ?, ?)", [
      sha256,
      person,
      now,
      expiresAt,
    ]);
    return null;
  },
);

const closeSession = defineCommand("tenancy.close-session", async (tx, { sha256 }: { sha256: string }) => {
  await tx.run("DELETE FROM sessions WHERE sha256 = ?", [sha256]);
  return null;
});

export const sessionCommands = [openSession, closeSession];

/** Sign-ins of browsers. */
export class Sessions {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Begins a session; answers the Set-Cookie header. `isSecure`: the browser came by TLS. */
  async open(person: string, isSecure: boolean): Promise<string> {
    const secret = randomBytes(32).toString("base64url");
    const now = this.#clock.now();
    await this.#db.write(openSession, { sha256: digestOf(secret), person, now, expiresAt: now + SESSION_MS });
    return setCookie(SESSION_COOKIE, secret, { path: "/", maxAgeMs: SESSION_MS, isSecure });
  }

  async close(secret: string): Promise<void> {
    await this.#db.write(closeSession, { sha256: digestOf(secret) });
  }
}

/** A cookie that no script reads and that other sites' pages don't send along but by a link (RFC 6265bis). */
export function setCookie(
  name: string,
  value: string,
  options: { path: string; maxAgeMs: number; isSecure: boolean },
): string {
  const { path, maxAgeMs, isSecure } = options;
  const age = Math.floor(maxAgeMs / 1000);
  return `${name}=${value}; Path=${path}; Max-Age=${age}; HttpOnly; SameSite=Lax${isSecure ? "; Secure" : ""}`;
}
