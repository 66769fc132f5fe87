// The tracking runs that searches look through: the same on every server.
const START = 1_770_000_000_000;
const fraction = (number) => number - Math.floor(number);

/** A tracking run as JSON fields; of a search for `SEARCH`, one run in twenty matches. */
export function sampleRun(index) {
  const metrics = {
    acc: fraction(index * 0.6180339887498949),
    loss: 2 * fraction(index * 0.7548776662466927),
    f1: fraction(index * 0.5698402909980532),
    seconds: 60 + (index % 600),
  };
  return {
    name: `sample-${index}`,
    startTime: START + index * 1000,
    metrics: Object.entries(metrics).map(([key, value]) => ({
      key,
      value,
      timestamp: START + index * 1000,
      step: 0,
    })),
    params: Object.entries({
      depth: index % 10,
      lr: 10 ** -(1 + (index % 5)),
      model: "forest",
      seed: index,
    }).map(([key, value]) => ({ key, value: String(value) })),
    tags: Object.entries({
      "mlflow.user": "ada",
      "mlflow.source.name": "train.py",
      team: `t${index % 7}`,
    }).map(([key, value]) => ({ key, value })),
  };
}

/** A metric and a param filter and an order. */
export const SEARCH = {
  filter: "metrics.acc > 0.5 and params.depth = '4'",
  order_by: ["metrics.acc DESC"],
  max_results: 100,
};

/** The names of the runs that `SEARCH` finds among the first `count` sample runs, in its order. */
export function namesFound(count) {
  const metric = ({ metrics }) => metrics.find(({ key }) => key === "acc").value;
  return Array.from({ length: count }, (_, index) => sampleRun(index))
    .filter(
      (run) => metric(run) > 0.5 && run.params.some(({ key, value }) => key === "depth" && value === "4"),
    )
    .sort((a, b) => metric(b) - metric(a))
    .slice(0, SEARCH.max_results)
    .map(({ name }) => name);
}
