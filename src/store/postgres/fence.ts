import { SlipwayError } from "../../http/errors.ts";
import type { Fence } from "../leader.ts";
import type { Answer, Connection } from "./connection.ts";

/**
 * Asks, inside a transaction that holds the lock of everything (alone or shared), whether the epoch is the present one.
 * A new leader takes its epoch while it holds that lock alone: what is read here stays true until the transaction's end.
 */
export async function askFence(connection: Connection, { epoch }: Fence): Promise<Answer> {
  return connection.query("SELECT epoch FROM leader WHERE one = 1 AND epoch = ?", [epoch]);
}

/** LEADER_LOST when another leads by now. */
export function readFence({ rows }: Answer, fence: Fence): void {
  if (rows.length === 1) return;
  fence.lost();
  throw new SlipwayError("LEADER_LOST", "another process leads by now", { given: `epoch ${fence.epoch}` });
}

export async function checkFence(connection: Connection, fence: Fence): Promise<void> {
  readFence(await askFence(connection, fence), fence);
}
