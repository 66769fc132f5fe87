import * as fc from "fast-check";
import type { Call } from "./pair.ts";

type Pick = <Item>(items: readonly Item[]) => Item;

const KEYS = ["a", "b", "mlflow.runName", "x/y", "ü", "bad$", "", "../z"] as const;
const TEXTS = ["", "1", "2", "text", "😀"] as const;
const VALUES = [0, 1, -1.5, 1e-300, "NaN", "Infinity", "3", "wrong"] as const;
const WHOLE = [0, 1, 2, "3", 2 ** 40] as const;

/** Calls at random, the same ones for the same seed: three runs of one experiment, with values that collide. */
export function randomCalls(seed: number, count: number): Call[] {
  const numbers = fc.sample(fc.nat(), { seed, numRuns: count * 16 });
  let at = 0;
  const pick: Pick = (items) =>
    items[(numbers[at++ % numbers.length] ?? 0) % items.length] as (typeof items)[0];
  const calls: Call[] = [
    { method: "POST", path: "experiments/create", fields: { name: `random ${seed}` }, as: "e" },
    ...["r0", "r1", "r2"].map((as, start_time): Call => {
      const fields = { experiment_id: "$e", run_name: as, start_time };
      return { method: "POST", path: "runs/create", fields, as };
    }),
  ];
  while (calls.length < count) calls.push(randomCall(pick));
  return calls;
}

function randomCall(pick: Pick): Call {
  const run_id = pick(["$r0", "$r1", "$r2", "$r2", "missing"]);
  const entry = (): object => ({ key: pick(KEYS), value: pick(TEXTS) });
  const point = (): object => ({
    key: pick(["a", "b", "x/y", "bad$"]),
    value: pick(VALUES),
    timestamp: pick(WHOLE),
    step: pick(WHOLE),
  });
  const some = (make: () => object): object[] => Array.from({ length: pick([0, 1, 3]) }, make);
  const post = (path: string, fields: object): Call => ({ method: "POST", path, fields, ownWords: true });
  const kinds: (() => Call)[] = [
    () => post("runs/log-metric", { run_id, ...point() }),
    () => post("runs/log-parameter", { run_id, ...entry() }),
    () => post("runs/set-tag", { run_id, ...entry() }),
    () => post("runs/delete-tag", { run_id, key: pick(KEYS) }),
    () => post("runs/log-batch", { run_id, metrics: some(point), params: some(entry), tags: some(entry) }),
    () =>
      post("runs/update", { run_id, status: pick(["RUNNING", "FINISHED", "KILLED"]), end_time: pick(WHOLE) }),
    () => post("runs/update", { run_id, run_name: pick(TEXTS) }),
    () => post(pick(["runs/delete", "runs/restore", "runs/restore"]), { run_id }),
    () => ({ method: "GET", path: "runs/get", fields: { run_id } }),
    () => post("runs/search", { experiment_ids: ["$e"], order_by: ["attribute.start_time ASC"] }),
  ];
  return pick(kinds)();
}
