import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { JOBS } from "./jobs/all.ts";
import type { Job } from "./jobs/job.ts";
import { parseOptions, USAGE } from "./options.ts";
import { playAll, type Result } from "./pool.ts";
import { drawing } from "./report/drawing.ts";
import { markdown } from "./report/markdown.ts";
import { sectionTables } from "./report/tables.ts";

interface Surroundings {
  argv: readonly string[];
  workerPath: string;
  /** Folder of the page that a full run rewrites. */
  docs: string;
  /** The machine in one line. */
  machine: string;
  table: (rows: string[][]) => string;
}

/** Answers the exit code: 1 where a declared rate wasn't kept, 2 for wrong arguments. */
export async function main(around: Surroundings): Promise<number> {
  let options;
  try {
    options = parseOptions(around.argv);
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const jobs = JOBS.filter(
    ({ name }) => options.only.length === 0 || options.only.some((start) => name.startsWith(start)),
  );
  if (options.list || jobs.length === 0) {
    for (const { name, title } of options.list ? jobs : JOBS) console.log(`${name.padEnd(40)}${title}`);
    return options.list ? 0 : 2;
  }
  const threads = options.threads ?? availableParallelism();
  const rollouts = ({ rollouts }: Job) =>
    options.rollouts ?? (options.quick ? rollouts.quick : rollouts.full);
  const started = performance.now();
  const results = await playAll(jobs, {
    threads,
    workerPath: around.workerPath,
    seed: options.seed,
    rollouts,
    progress: (line) =>
      console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${line}`),
  });
  const seconds = (performance.now() - started) / 1000;
  const tables = sectionTables(results);
  console.log(around.machine);
  for (const { title, notes, rows } of tables) {
    console.log(`\n${title}\n${around.table(rows)}`);
    for (const note of notes) console.log(note);
  }
  console.log(`\nseed ${options.seed}, ${threads} threads, ${seconds.toFixed(0)} s`);
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(summaries(results), null, 2));
  const isFull = !options.quick && options.only.length === 0 && options.rollouts === undefined;
  if (isFull) {
    mkdirSync(around.docs, { recursive: true });
    const page = markdown(tables, { machine: around.machine, seed: options.seed, seconds, threads });
    writeFileSync(join(around.docs, "rollout.md"), page);
    writeFileSync(join(around.docs, "rollout.svg"), drawing(results));
  }
  return tables.some(({ isKept }) => isKept === false) ? 1 : 0;
}

function summaries(results: readonly Result[]): unknown {
  return results.map(({ job, rows, seconds }) => ({
    name: job.name,
    title: job.title,
    tags: job.tags,
    rollouts: rows.length,
    seconds,
    rows,
  }));
}
