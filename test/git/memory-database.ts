import type { Command, Database, Migration, ReadTx, Tx } from "../../src/store/database.ts";
import { Connection } from "../../src/store/sqlite/connection.ts";
import { migrate } from "../../src/store/sqlite/migrate.ts";

/** SQLite in memory, one command after the other: for tests of what is stored, not of how durable it is. */
export function memoryDatabase(migrations: readonly Migration[]): Database {
  const connection = Connection.forWriting(":memory:");
  migrate(connection, migrations, 0);
  const tx: Tx = {
    dialect: "sqlite",
    all: async <Row>(sql: string, params: Parameters<ReadTx["all"]>[1]) =>
      connection.all(sql, params) as Row[],
    get: async <Row>(sql: string, params: Parameters<ReadTx["get"]>[1]) =>
      connection.all(sql, params)[0] as Row | undefined,
    run: async (sql, params) => connection.run(sql, params),
  };
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
  return {
    write: <Args, Result>(command: Command<Args, Result>, args: Args) =>
      inTurn(async () => {
        connection.exec("BEGIN");
        try {
          const result = await command.run(tx, args);
          connection.exec("COMMIT");
          return result;
        } catch (error) {
          connection.exec("ROLLBACK");
          throw error;
        }
      }),
    read: (query) => inTurn(() => query(tx)),
    close: async () => connection.close(),
  };
}
