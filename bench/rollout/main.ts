import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { JOBS } from "./jobs/all.ts";
import type { Job } from "./jobs/job.ts";
import { Kept } from "./kept.ts";
import { parseOptions, USAGE } from "./options.ts";
import { playAll, type Result } from "./pool.ts";
import { drawing } from "./report/drawing.ts";
import { markdown } from "./report/markdown.ts";
import { type EqualVariants, realServer } from "./report/real-server.ts";
import { sectionTables } from "./report/tables.ts";

interface Surroundings {
  argv: readonly string[];
  workerPath: string;
  /** Folder of the page that a full run rewrites. */
  docs: string;
  /** The machine in one line. */
  machine: string;
  table: (rows: string[][]) => string;
  /** Rollouts of equal variants on the real server under load. */
  equalVariants: (
    rollouts: number,
    tell: (one: { state: string; took: number }) => void,
  ) => Promise<EqualVariants>;
}

/** Of equal variants on the real server; `--only real-server` plays these alone. */
const ON_REAL_SERVER = { full: 200, quick: 8 };
const REAL_SERVER = "real-server";

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
  const withRealServer = options.only.length === 0 || options.only.includes(REAL_SERVER);
  if (options.list || (jobs.length === 0 && !withRealServer)) {
    for (const { name, title } of options.list ? jobs : JOBS) console.log(`${name.padEnd(40)}${title}`);
    console.log(`${REAL_SERVER.padEnd(40)}equal variants on the real server under load`);
    return options.list ? 0 : 2;
  }
  const threads = options.threads ?? availableParallelism();
  const rollouts = ({ rollouts }: Job) =>
    options.rollouts ?? (options.quick ? rollouts.quick : rollouts.full);
  const started = performance.now();
  const progress = (line: string) =>
    console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${line}`);
  const kept = new Kept(options.keep, around.workerPath, options.seed);
  const results = await playAll(jobs, {
    kept,
    threads,
    workerPath: around.workerPath,
    seed: options.seed,
    rollouts,
    progress,
  });
  const tables = sectionTables(results);
  if (withRealServer) {
    const count = options.rollouts ?? (options.quick ? ON_REAL_SERVER.quick : ON_REAL_SERVER.full);
    let done = 0;
    // Alone on the machine: what is measured here are the server's own processes.
    const equal =
      kept.equalVariants ??
      (await around.equalVariants(count, ({ state, took }) =>
        progress(`real server ${++done} of ${count}: ${state} after ${took.toFixed(1)} s`),
      ));
    kept.keepEqualVariants(equal);
    // Beside the validity that it belongs to.
    tables.splice(Math.min(1, tables.length), 0, realServer(equal));
  }
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  console.log(around.machine);
  for (const { title, notes, rows } of tables) {
    console.log(`\n${title}\n${around.table(rows)}`);
    for (const note of notes) console.log(note);
  }
  console.log(`\nseed ${options.seed}, ${threads} threads, ${seconds.toFixed(0)} s of processor time`);
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(summaries(results), null, 2));
  const isFull = !options.quick && options.only.length === 0 && options.rollouts === undefined;
  if (isFull) {
    mkdirSync(around.docs, { recursive: true });
    const page = markdown(tables, { machine: around.machine, seed: options.seed, seconds });
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
