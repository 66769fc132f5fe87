/** A value that both SQLite and PostgreSQL take and give. Integers beyond 2^53 travel as bigint. */
export type SqlValue = string | number | bigint | Uint8Array | null;

/** Reading inside one snapshot. SQL is written with `?` placeholders in the subset that SQLite and PostgreSQL share. */
export interface ReadTx {
  readonly dialect: "sqlite" | "postgres";
  all<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row[]>;
  get<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row | undefined>;
}

/** Writing inside one savepoint of a group commit. */
export interface Tx extends ReadTx {
  run(sql: string, params?: readonly SqlValue[]): Promise<{ changes: number }>;
}

/**
 * A named write. It runs next to the database (for SQLite in the writer's thread), so its arguments and its
 * result must be structured-cloneable, and time and identifiers come in with the arguments. It may be run
 * again from the start after a conflict, so it must touch nothing but `tx`. A SlipwayError thrown inside
 * undoes this command alone and reaches the caller with its code.
 */
export interface Command<Args, Result> {
  readonly name: string;
  run(tx: Tx, args: Args): Promise<Result>;
  /**
   * The one thing that the command is about, such as `run/<id>`. Commands of different things may run at the same
   * time where the database has several writers (PostgreSQL); a command without a scope runs alone, and so do two of
   * one scope. Give one only to a command that writes nothing but rows of its thing, and whose decisions turn on
   * these rows and on rows that only commands without a scope change.
   */
  scope?(args: Args): string;
}

export function defineCommand<Args, Result>(
  name: string,
  run: (tx: Tx, args: Args) => Promise<Result>,
  options: Pick<Command<Args, Result>, "scope"> = {},
): Command<Args, Result> {
  return { name, run, ...options };
}

/** A second command in the savepoint of a first one: both are done, or neither. Its result is nobody's. */
export interface Beside {
  readonly command: Command<never, unknown>;
  readonly args: unknown;
}

/** `command` as what goes beside another one. */
export function beside<Args>(command: Command<Args, unknown>, args: Args): Beside {
  return { command: command as Command<never, unknown>, args };
}

export interface Database {
  /**
   * Resolves only after the command's effects are durable (they survive kill -9 and a power cut). `also` runs after the
   * command and is undone with it; it must keep to what the command's scope allows.
   */
  write<Args, Result>(command: Command<Args, Result>, args: Args, also?: Beside): Promise<Result>;
  /** Reads on a connection of its own; sees every acknowledged write. */
  read<Result>(query: (tx: ReadTx) => Promise<Result>): Promise<Result>;
  /** Waits for writes under way, then closes. */
  close(): Promise<void>;
}

/** One step of the schema. Applied once, in the order of the composition root's list, each in a transaction. */
export interface Migration {
  /** Unique and final, such as `tracking-001`. */
  readonly id: string;
  /** Statements; `{ sqlite, postgres }` where the dialects differ. */
  readonly statements: readonly (string | { sqlite: string; postgres: string })[];
}
