import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import type { Database } from "../store/database.ts";
import { Authenticator } from "./authenticator.ts";
import { Passwords } from "./passwords.ts";
import { PredictionCallersFeed, type PredictionCallersDeps } from "./prediction-callers.ts";
import { SignInLimits } from "./sign-in-limits.ts";
import { TokenUses } from "./token-uses.ts";

export interface TenancyDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  /** SHA-256 (hex) of the platform's own token; null: loopback without a login. */
  platformSha256: string | null;
  /** SHA-256 (hex) of the token of the platform's steps. */
  stepSha256: string;
  /** Tells serve who may ask for predictions. */
  admit: PredictionCallersDeps["admit"];
  /** Default: as slow as guessing must be. Tests can't wait. */
  passwords?: Passwords;
  log: (error: unknown, where: string) => void;
}

/** Who may do what, for the rest of the platform. */
export interface Tenancy {
  authenticator: Authenticator;
  passwords: Passwords;
  limits: SignInLimits;
  /** Somebody's rights have changed: resolves when this process, and serve if it answers, go by the new ones. */
  changed(): Promise<void>;
  /** Keeps serve told and uses of tokens written, until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Writes what is still in memory. */
  close(): Promise<void>;
}

export function createTenancy(deps: TenancyDeps): Tenancy {
  const { db, clock, log } = deps;
  const passwords = deps.passwords ?? new Passwords();
  const limits = new SignInLimits(() => clock.now());
  const uses = new TokenUses(db, clock);
  const authenticator = new Authenticator({ ...deps, passwords, limits, uses });
  const feed = new PredictionCallersFeed({ db, clock, uses, admit: deps.admit, log });
  return {
    authenticator,
    passwords,
    limits,
    async changed() {
      authenticator.changed();
      await feed.changed();
    },
    async run(signal) {
      await Promise.all([feed.run(signal), uses.run(signal, (error) => log(error, "noting uses of tokens"))]);
    },
    close: () => uses.flush(),
  };
}
