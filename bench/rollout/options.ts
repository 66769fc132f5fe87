import { parseArgs } from "node:util";

export interface Options {
  quick: boolean;
  list: boolean;
  /** Beginnings of job names; empty: all. */
  only: string[];
  /** Instead of what the jobs ask for. */
  rollouts: number | undefined;
  seed: number;
  threads: number | undefined;
  json: string | undefined;
  /** Played rollouts are kept here, and not played again by the same program with the same seed. */
  keep: string | undefined;
}

export const USAGE = `usage: npm run bench:rollout -- [--quick] [--only NAME]… [--rollouts N] [--seed N] [--threads N] [--json FILE] [--keep FILE] [--list]
A full run rewrites docs/benchmarks/rollout.md and rollout.svg; NAME is the beginning of a row's name (validity, speed/errors-1-5).
With --keep an interrupted run goes on where it was.`;

/** Throws an Error with the usage for arguments that it doesn't know. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: "boolean" },
      list: { type: "boolean" },
      only: { type: "string", multiple: true },
      rollouts: { type: "string" },
      seed: { type: "string" },
      threads: { type: "string" },
      json: { type: "string" },
      keep: { type: "string" },
    },
  });
  return {
    quick: values.quick ?? false,
    list: values.list ?? false,
    only: values.only ?? [],
    rollouts: values.rollouts === undefined ? undefined : whole("--rollouts", values.rollouts),
    seed: whole("--seed", values.seed ?? "1"),
    threads: values.threads === undefined ? undefined : whole("--threads", values.threads),
    json: values.json,
    keep: values.keep,
  };
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} takes a whole number from 1: ${text}`);
  return value;
}
