// Sample runs written into the database file of a stopped server, in its own schema: one transaction. By their APIs a
// hundred thousand runs would take a quarter of an hour to half an hour, and nothing of that is measured.
import { createHash } from "node:crypto";
import { DatabaseSync } from "@photostructure/sqlite";
import { sampleRun } from "../sample-runs.mjs";

/**
 * @param {string} file the database
 * @param {Record<string, number>} counts runs by experiment id
 * @param {(into: (table: string, columns: string) => (...values: unknown[]) => {lastInsertRowid: number | bigint}) =>
 *   (run: object) => void} schema given what prepares an INSERT, answers what inserts a run: `sampleRun`'s fields and
 *   its `id`, `experiment` and `number` among all
 */
export function fillBySql(file, counts, schema) {
  const db = new DatabaseSync(file);
  try {
    const into = (table, columns) => {
      const marks = columns.split(",").map(() => "?");
      const statement = db.prepare(`INSERT INTO ${table} (${columns}) VALUES (${marks})`);
      return (...values) => statement.run(...values);
    };
    const insert = schema(into);
    let number = 0;
    db.exec("PRAGMA cache_size = -500000");
    db.exec("BEGIN");
    for (const [experiment, count] of Object.entries(counts))
      for (let index = 0; index < count; index++) {
        // In no order, as the ids that servers make: neighbours in time lie far apart in an index of ids.
        const id = createHash("md5").update(`${experiment} ${index}`).digest("hex");
        insert({ ...sampleRun(index), id, experiment: Number(experiment), number: number++ });
      }
    db.exec("COMMIT");
  } finally {
    db.close();
  }
}
