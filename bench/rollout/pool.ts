import { Worker } from "node:worker_threads";
import type { Job, Row } from "./jobs/job.ts";
import type { Kept } from "./kept.ts";
import type { Played, Task } from "./worker.ts";

/** One job's rollouts, in their order. */
export interface Result {
  job: Job;
  rows: Row[];
  /** Processor time, all threads together. */
  seconds: number;
}

export interface PoolOptions {
  threads: number;
  workerPath: string;
  seed: number;
  rollouts: (job: Job) => number;
  kept: Kept;
  progress: (line: string) => void;
}

/** A thread is given this much at a time, about: small enough that none is left with much at the end. */
const CHUNKS = 40;

/** Plays all jobs on a few threads. Fails with the first thread that fails. */
export async function playAll(jobs: readonly Job[], options: PoolOptions): Promise<Result[]> {
  const results = new Map<string, Result>();
  const left = new Map<string, number>();
  const tasks: Task[] = [];
  for (const job of jobs) {
    const length = options.rollouts(job);
    const kept = options.kept.find(job.name, length);
    results.set(job.name, { job, ...(kept ?? { rows: Array.from<Row>({ length }), seconds: 0 }) });
    const own = kept ? [] : chunks(job, options);
    left.set(job.name, own.length);
    tasks.push(...own);
  }
  const total = tasks.length;
  let done = 0;
  const take = (played: Played, task: Task): void => {
    const result = results.get(played.job)!;
    played.rows.forEach((row, i) => (result.rows[task.first + i] = row));
    result.seconds += played.seconds;
    done++;
    left.set(played.job, left.get(played.job)! - 1);
    if (left.get(played.job) !== 0) return;
    options.kept.keep(played.job, result.rows, result.seconds);
    options.progress(`${Math.round((done / total) * 100)} %  ${task.job}`);
  };
  await Promise.all(
    Array.from({ length: options.threads }, () => runThread(options.workerPath, tasks, take)),
  );
  return [...results.values()];
}

function chunks(job: Job, { rollouts, seed }: PoolOptions): Task[] {
  const all = rollouts(job);
  const size = Math.max(1, Math.ceil(all / CHUNKS));
  const tasks: Task[] = [];
  for (let first = 0; first < all; first += size)
    tasks.push({ job: job.name, first, count: Math.min(size, all - first), seed });
  return tasks;
}

/** One thread that takes tasks until there are none. */
function runThread(path: string, tasks: Task[], take: (played: Played, task: Task) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(path);
    let task: Task | undefined;
    const next = (): void => {
      task = tasks.shift();
      if (task) worker.postMessage(task, []);
      else void worker.terminate().then(() => resolve());
    };
    worker.on("message", (played: Played) => {
      if (task) take(played, task);
      next();
    });
    worker.on("error", (error) => {
      tasks.length = 0;
      reject(error);
    });
    next();
  });
}
