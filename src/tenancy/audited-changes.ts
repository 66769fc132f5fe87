import { AsyncLocalStorage } from "node:async_hooks";
import { beside, type Database } from "../store/database.ts";
import { openAudit, type NewAuditEntry } from "./audit-commands.ts";

/** One request whose changes are audited, while it is under way. */
export interface AuditTicket {
  readonly id: string;
  /** When it was asked, in milliseconds since the epoch. */
  readonly at: number;
  /** What the log says of it so far; null: it isn't audited, as far as is known. */
  entry: () => NewAuditEntry | null;
  /** Its row is in the database. */
  isWritten: boolean;
}

/**
 * Lets the row of a change be in the commit of the change. Whatever the handler of an audited request writes through
 * `watch(db)` carries the request's row along: either both are on the disk or neither, at whatever line the process is
 * killed. The row has the status 0 until the request is answered.
 *
 * The request is found again through the handler's own asynchronous calls, so that what writes needn't know of it. That
 * makes every promise of the process dearer while it is on, so it is on only while an audited request is under way:
 * what programs log by the thousand isn't audited, and doesn't pay.
 */
export class AuditedChanges {
  readonly #storage = new AsyncLocalStorage<AuditTicket>();
  readonly #open = new Set<AuditTicket>();

  /** Calls `next`, and everything that comes of it, on behalf of the ticket; until `end`. */
  run(ticket: AuditTicket, next: () => void): void {
    this.#open.add(ticket);
    this.#storage.run(ticket, next);
  }

  /** What the request has started and left running doesn't belong to it any more. Idempotent. */
  end(ticket: AuditTicket): void {
    if (!this.#open.delete(ticket)) return;
    ticket.entry = () => null;
    if (this.#open.size === 0) this.#storage.disable();
  }

  /** The same database; a write through it carries the row of the request that it is made for. */
  watch(db: Database): Database {
    return {
      write: async (command, args, also) => {
        const ticket = this.#storage.getStore();
        const entry = also === undefined && ticket?.isWritten === false ? ticket.entry() : null;
        if (ticket === undefined || entry === null) return db.write(command, args, also);
        // Writes at one time carry it all: whichever is committed first brings the row.
        const { id, at } = ticket;
        const result = await db.write(command, args, beside(openAudit, { ...entry, at, ticket: id }));
        ticket.isWritten = true;
        return result;
      },
      read: (query) => db.read(query),
      close: () => db.close(),
    };
  }
}
