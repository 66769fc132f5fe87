import type { Migration } from "./database.ts";

/**
 * Who of several processes leads: one row with holder, address, epoch and expiry, by the database's clock. Each new
 * leader has the next epoch, and every write of a leader checks that its own is still the present one.
 */
export const leaderMigrations: readonly Migration[] = [
  {
    id: "leader-001",
    statements: [
      `CREATE TABLE leader (one SMALLINT PRIMARY KEY CHECK (one = 1), holder TEXT NOT NULL, address TEXT NOT NULL,
        epoch BIGINT NOT NULL, session TEXT NOT NULL, renewed_at BIGINT NOT NULL, expires_at BIGINT NOT NULL)`,
    ],
  },
];

/** By which right a process writes: as the leader of that epoch, for as long as it is the present one. */
export interface Fence {
  readonly epoch: number;
  /** A write was refused since another leads by now; nothing can be written any more. */
  lost(): void;
}

/** Who led when it was looked at. */
export interface Leader {
  holder: string;
  /** "host:port" at which it takes what others hand on. */
  address: string;
  epoch: number;
  /** Milliseconds for which its lease is good; not above 0: it has run out, or was given back. */
  leftMs: number;
  /** Nobody has the right any more: the lease has run out, or its holder's session with the database has ended. */
  isOver: boolean;
}

/** The row in the database. Whatever it can't do in time it throws, as UNAVAILABLE or TIMEOUT. */
export interface LeaderRow {
  look(): Promise<Leader | undefined>;
  /** Takes the lead from the one that was seen, if nobody else has; the new epoch, or undefined. */
  claim(seen: Leader | undefined, leaseMs: number): Promise<number | undefined>;
  /** False when another leads by now. */
  renew(epoch: number, leaseMs: number): Promise<boolean>;
  /** Gives the lead back, for others to take at once. */
  release(epoch: number): Promise<void>;
  close(): Promise<void>;
}
