import type { Table } from "./tables.ts";

/** The page that a full run rewrites. */
export function markdown(
  tables: readonly Table[],
  run: { machine: string; seed: number; seconds: number },
): string {
  const parts = [
    "# What the judge of a rollout promises, simulated",
    "Made by `npm run bench:rollout` with the product's own judge (`src/rollout/statistics/`); the simulation is in `bench/rollout/`.",
    "![False rollback rates, time to a rollback, peers](rollout.svg)",
  ];
  for (const { title, notes, rows } of tables) parts.push(`## ${title}`, ...notes, pipeTable(rows));
  parts.push(
    "## Run",
    `${run.machine}; seed ${run.seed}; ${Math.round(run.seconds / 60)} min of processor time for the simulation. The same seed gives the same figures on any machine and with any number of threads.`,
  );
  return `${parts.join("\n\n")}\n`;
}

function pipeTable(rows: readonly string[][]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const [header = [], ...body] = rows;
  return [line(header), line(header.map(() => "---")), ...body.map(line)].join("\n");
}
