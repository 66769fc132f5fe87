import { parentPort } from "node:worker_threads";
import type { Row } from "./jobs/job.ts";
import { JOBS } from "./jobs/all.ts";
import { hash, Random } from "./random.ts";

/** Some rollouts of one job, numbered from `first`. */
export interface Task {
  job: string;
  first: number;
  count: number;
  seed: number;
}

export interface Played {
  job: string;
  rows: Row[];
  /** Of this thread's processor, for the plan of the next run. */
  seconds: number;
}

/** A rollout's numbers depend on the seed, what is simulated and its own number: not on threads or on other jobs. */
function run({ job: name, first, count, seed }: Task): Played {
  const job = JOBS.find((job) => job.name === name);
  if (!job) throw new Error(`no job ${name}`);
  // Peers are compared on the same requests, so their streams' numbers must not depend on whose rule it is.
  const subject = hash(`${job.section}/${job.tags.stream ?? name}`);
  const started = performance.now();
  const rows = Array.from({ length: count }, (_, i) => {
    const stream = first + i + 1;
    return job.play(new Random(seed ^ subject, stream), new Random(seed ^ subject, -stream));
  });
  return { job: name, rows, seconds: (performance.now() - started) / 1000 };
}

parentPort?.on("message", (task: Task) => parentPort?.postMessage(run(task), []));
