import { defineCommand } from "../store/database.ts";
import type { Command, Database, Migration } from "../store/database.ts";
import type { OutcomeReport } from "./outcomes.ts";

/** Processes whose counters are kept; looks of rollouts have read those of older ones long ago. */
const MAX_KEPT = 200;

export const goneCountsMigrations: readonly Migration[] = [
  {
    id: "gone-counts-001",
    statements: [
      `CREATE TABLE gone_serve_counts (incarnation TEXT PRIMARY KEY, at BIGINT NOT NULL, report TEXT NOT NULL)`,
      "CREATE INDEX gone_serve_counts_at ON gone_serve_counts (at)",
    ],
  },
];

/** What a serve process had counted when it was heard of last; the oldest beyond 200 go. */
const keepCounts = defineCommand(
  "serving.keep-counts",
  async (tx, { incarnation, at, report }: { incarnation: string; at: number; report: string }) => {
    await tx.run("DELETE FROM gone_serve_counts WHERE incarnation = ?", [incarnation]);
    await tx.run("INSERT INTO gone_serve_counts (incarnation, at, report) VALUES (?, ?, ?)", [
      incarnation,
      at,
      report,
    ]);
    await tx.run(
      `DELETE FROM gone_serve_counts WHERE incarnation NOT IN
         (SELECT incarnation FROM gone_serve_counts ORDER BY at DESC LIMIT ?)`,
      [MAX_KEPT],
    );
  },
);

export const goneCountsCommands: readonly Command<never, unknown>[] = [keepCounts];

/** Counters of serve processes that are gone. */
export interface GoneCounts {
  list(): Promise<OutcomeReport[]>;
  /** Durable when it resolves; the same incarnation again replaces what was kept. */
  keep(report: OutcomeReport): Promise<void>;
}

export function createGoneCounts(db: Database): GoneCounts {
  return {
    async list() {
      const rows = await db.read((tx) =>
        tx.all<{ report: string }>("SELECT report FROM gone_serve_counts ORDER BY at"),
      );
      return rows.map(({ report }) => JSON.parse(report) as OutcomeReport);
    },
    async keep(report) {
      const { incarnation, at } = report;
      await db.write(keepCounts, { incarnation, at, report: JSON.stringify(report) });
    },
  };
}
