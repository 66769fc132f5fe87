import type { ErrorBody } from "../../http/errors.ts";
import type { Migration } from "../database.ts";

/** What the writer's thread is told at its start. */
export interface WriterData {
  file: string;
  migrations: readonly Migration[];
  /** Milliseconds since the epoch: when the migrations count as applied. */
  now: number;
}

/** One command on its way to the writer. The message copies its arguments: nothing of them is shared. */
export interface WriteRequest {
  id: number;
  name: string;
  args: unknown;
  /** Runs behind it, in the same savepoint. */
  also?: { name: string; args: unknown };
}

export type ToWriter = { type: "write"; requests: WriteRequest[] } | { type: "close" };

/** What became of one command; sent only once the group's commit is on the disk. */
export type WriteReply =
  | { id: number; ok: true; result: unknown }
  | { id: number; ok: false; error: ErrorBody };

export type FromWriter =
  | { type: "ready" }
  | { type: "refused"; error: ErrorBody }
  | { type: "done"; replies: WriteReply[]; commits: number };
