import { DatabaseSync, type DatabaseSyncInstance } from "@photostructure/sqlite";

/** Looks at an SQLite database from outside, as it was and as it is. */
export class Snapshot {
  readonly #then: DatabaseSyncInstance;
  readonly #now: DatabaseSyncInstance;

  constructor(file: string) {
    this.#then = new DatabaseSync(file, { readOnly: true });
    this.#now = new DatabaseSync(file, { readOnly: true });
  }

  /** From now on, until the next call, this is how it was. */
  take(): void {
    if (this.#then.isTransaction) this.#then.exec("COMMIT");
    this.#then.exec("BEGIN");
    // The transaction begins with its first look.
    this.#then.prepare("SELECT 1 FROM sqlite_schema").get();
    this.#version = this.#look();
  }

  /** Names of the tables that hold something else than when it was taken. */
  changed(): string[] {
    // A command that was undone may have written its pages back as they were.
    if (this.#look() === this.#version) return [];
    const tables = this.#now
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .all() as { name: string }[];
    return tables
      .map(({ name }) => name)
      .filter((name) => contents(this.#then, name) !== contents(this.#now, name));
  }

  close(): void {
    this.#then.close();
    this.#now.close();
  }

  #version: unknown;

  /** Changes with every commit of another connection. */
  #look(): unknown {
    return (this.#now.prepare("PRAGMA data_version").get() as { data_version: number }).data_version;
  }
}

function contents(db: DatabaseSyncInstance, table: string): string {
  const statement = db.prepare(`SELECT * FROM "${table}"`);
  statement.setReadBigInts(true);
  return JSON.stringify(statement.all(), (_, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
}
