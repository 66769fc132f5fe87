import { expect, test } from "vitest";
import { workerLines } from "../../src/cli/format-workers.ts";

test("workers of a version in a line, with the reason of the last end", () => {
  const ready = { state: "ready", restarts: 0 };
  expect(
    workerLines(
      [
        { version: 1, workers: [{ ...ready, isShared: true }] },
        {
          version: 2,
          workers: [{ ...ready, restarts: 2 }, ready, { state: "backing-off", restarts: 1 }],
          lastEnd: { at: 0, reason: "signal SIGSEGV" },
        },
        { version: 3, workers: [] },
      ],
      120_000,
    ),
  ).toEqual([
    "version 1: 1 worker ready, in a process with other models",
    "version 2: 2 workers ready, 1 backing-off, started again 3 times, last ended 2 min ago: signal SIGSEGV",
    "version 3: no worker until somebody asks",
  ]);
});
