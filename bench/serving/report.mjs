// The figures of a run of `bench:serving`, as a table for the terminal and as a page of the documentation.
import { machine, quantile, table } from "../lib/report.mjs";

const FIGURES = ["perSecond", "p50", "p95", "p99", "serverCpuMicros", "clientCpuMicros"];
const HEADER = [
  "model",
  "rows",
  "connections",
  "server",
  "requests/s",
  "p50 ms",
  "p95 ms",
  "p99 ms",
  "CPU us/request",
  "client CPU us",
  "failed",
  "x floor",
];

/** Median over rounds of what was measured; undefined where no round was. */
export function median(runs, key) {
  const values = runs.filter(({ notRun }) => notRun === undefined).map((run) => run[key]);
  return values.length === 0 ? undefined : quantile(values, 0.5);
}

export function printed(measured) {
  const parts = [
    head(measured).join("\n"),
    table(memoryRows(measured)),
    table([HEADER, ...figures(measured)]),
  ];
  const steady = [table(openRows(measured)), table(besideRows(measured))];
  return [...parts, ...steady, verdicts(measured).join("\n")].join("\n\n");
}

export function markdown(measured) {
  return `# Serving: speed and memory

Written by \`npm run bench:serving\`; do not edit. The same models of iris behind every server, on one machine, measured in
turn by the same client: keep-alive connections over raw sockets, each sending its next request when it has its answer.
The floor is bare node:http with ONNX Runtime in one process, without checks and counting. A missing figure says why.

${head(measured)
  .map((line) => `- ${line}`)
  .join("\n")}

## Start and memory

${markdownTable(memoryRows(measured))}

## Closed loop

${markdownTable([HEADER, ...figures(measured)])}

## Steady rate

Half of what each server reached with 32 connections, and twice of it. Latencies count from when a request was due; goodput
is what was answered with 200.

${markdownTable(openRows(measured))}

## Beside saturated tracking

Predictions at a steady rate, alone and while eight callers log a thousand metrics a request as fast as they are answered.

${markdownTable(besideRows(measured))}

## Targets

${verdicts(measured)
  .map((line) => `- ${line}`)
  .join("\n")}
`;
}

function head({ options, loadBefore, loadAfter, memory }) {
  const versions = new Map(memory.map(({ server, version, notRun }) => [server, notRun ?? version]));
  return [
    machine(),
    `load average ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after; ${options.seconds} s a measurement, median of ${options.rounds}`,
    ...[...versions].map(([server, version]) => `${server}: ${version}`),
  ];
}

function memoryRows({ memory }) {
  return [
    ["model", "server", "start ms", "processes", "PSS MB", "RSS MB"],
    ...memory.map(({ model, server, notRun, startMs, processes, pss, rss }) =>
      notRun === undefined
        ? [model, server, startMs.toFixed(0), processes, pss === null ? "" : pss.toFixed(0), rss.toFixed(0)]
        : [model, server, `not run: ${notRun}`],
    ),
  ];
}

function figures({ lines }) {
  return lines.flatMap(({ model, rows, connections, runs }) => {
    const ofFloor = median(runs.get("floor") ?? [], "perSecond");
    return [...runs].map(([server, own]) => {
      const place = [model, rows, connections, server];
      const [perSecond, p50, p95, p99, cpu, clientCpu] = FIGURES.map((key) => median(own, key));
      if (perSecond === undefined) return [...place, `not run${own[0] ? `: ${own[0].notRun}` : ""}`];
      const failed = own.reduce((sum, one) => sum + (one.failed ?? 0), 0);
      return [
        ...place,
        perSecond.toFixed(0),
        ...[p50, p95, p99].map((value) => value.toFixed(2)),
        cpu.toFixed(0),
        clientCpu.toFixed(0),
        failed,
        ofFloor === undefined ? "" : (perSecond / ofFloor).toFixed(2),
      ];
    });
  });
}

function openRows({ open }) {
  const header = [
    "model",
    "server",
    "load",
    "requests/s asked",
    "goodput/s",
    "of the peak",
    "p50 ms",
    "p99 ms",
  ];
  return [
    [...header, "refused", "failed", "dropped by the client"],
    ...open.map((one) =>
      one.notRun === undefined
        ? [
            one.model,
            one.server,
            one.name,
            one.rate,
            one.perSecond.toFixed(0),
            (one.perSecond / one.peak).toFixed(2),
            one.p50.toFixed(2),
            one.p99.toFixed(2),
            one.refused,
            one.failed,
            one.dropped,
          ]
        : [one.model, one.server, one.name, one.rate, `not run: ${one.notRun}`],
    ),
  ];
}

function besideRows({ beside }) {
  return [
    ["model", "predictions/s", "tracking", "p50 ms", "p95 ms", "p99 ms", "failed", "log-batch/s"],
    ...beside.flatMap(({ model, rate, alone, beside: busy, logged }) => [
      [model, rate, "idle", ...latencies(alone)],
      [
        model,
        rate,
        "saturated",
        ...latencies(busy),
        logged.perSecond?.toFixed(0) ?? `not run: ${logged.notRun}`,
      ],
    ]),
  ];
}

function latencies({ notRun, p50, p95, p99, failed }) {
  if (notRun !== undefined) return [`not run: ${notRun}`];
  return [...[p50, p95, p99].map((value) => value.toFixed(2)), failed];
}

/** The targets, each with what was reached. */
function verdicts({ lines, open, beside }) {
  const line = (connections, rows = 1) =>
    lines.find((one) => one.model === "forest" && one.rows === rows && one.connections === connections);
  const value = (connections, server, key) => median(line(connections)?.runs.get(server) ?? [], key);
  const ratio = (connections, key, server, other) => {
    const [own, against] = [value(connections, server, key), value(connections, other, key)];
    return own === undefined || against === undefined ? undefined : own / against;
  };
  const said = [];
  const tell = (what, reached, isEnough, target) =>
    said.push(
      reached === undefined
        ? `${what}: not measured`
        : `${what}: ${reached.toFixed(2)} (target ${target}): ${isEnough(reached) ? "reached" : "not reached"}`,
    );
  const least = (target) => [(reached) => reached >= target, `at least ${target}`];
  const most = (target) => [(reached) => reached <= target, `at most ${target}`];
  tell(
    "ONNX, 32 connections: throughput to the floor's",
    ratio(32, "perSecond", "slipway", "floor"),
    ...least(1.25),
  );
  tell("CPU per prediction to the floor's", ratio(32, "serverCpuMicros", "slipway", "floor"), ...most(1));
  tell("throughput to FastAPI + ONNX", ratio(32, "perSecond", "slipway", "fastapi-onnx"), ...least(5));
  tell(
    "throughput to FastAPI + scikit-learn",
    ratio(32, "perSecond", "slipway", "fastapi-sklearn"),
    ...least(100),
  );
  tell("1 connection: p50 to the floor's", ratio(1, "p50", "slipway", "floor"), ...most(1.5));
  const python = ratio(32, "perSecond", "slipway-python", "fastapi-sklearn");
  tell("Python, 32 connections: throughput to FastAPI + scikit-learn", python, ...least(10));
  const alone = ratio(1, "p50", "slipway-python", "fastapi-sklearn");
  tell("Python, 1 connection: p50 to FastAPI + scikit-learn", alone, ...most(1));
  const steady = (server, name) =>
    open.find((one) => one.model === "forest" && one.server === server && one.name === name);
  const [ours, bare] = [steady("slipway", "half load"), steady("floor", "half load")];
  const above = ours?.p99 === undefined || bare?.p99 === undefined ? undefined : ours.p99 - bare.p99;
  tell("half load: p99 above the floor's, ms", above, ...most(2));
  const over = steady("slipway", "twice saturation");
  const goodput = over?.perSecond === undefined ? undefined : over.perSecond / over.peak;
  tell("twice saturation: goodput to the peak", goodput, ...least(0.9));
  const busy = beside.find((one) => one.model === "forest" && one.logged.notRun === undefined);
  const slowed = busy?.beside.p99 === undefined ? undefined : busy.beside.p99 / busy.alone.p99;
  tell("beside saturated tracking: p99 to that beside idle tracking", slowed, ...most(2));
  return said;
}

function markdownTable(rows) {
  const cells = (row) => `| ${rows[0].map((_, column) => row[column] ?? "").join(" | ")} |`;
  return [cells(rows[0]), `|${rows[0].map(() => "---").join("|")}|`, ...rows.slice(1).map(cells)].join("\n");
}
