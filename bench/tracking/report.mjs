// The figures of a run as a table for the terminal and as a page of the documentation.
import { machine, table } from "../lib/report.mjs";

/** Of this platform's throughput to each peer's. */
const TARGETS = { mlflow: 10, fasttrackml: 2 };
const HEADER = [
  "line",
  "connections",
  "server",
  "requests/s",
  "p50 ms",
  "p95 ms",
  "CPU us/request",
  "client CPU us",
  "x mlflow",
  "x FastTrackML",
];

export function printed(measured) {
  const parts = [
    head(measured).join("\n"),
    table(startRows(measured)),
    table([HEADER, ...figures(measured)]),
  ];
  return [...parts, verdicts(measured).join("\n")].join("\n\n");
}

export function markdown(measured) {
  return `# Tracking: speed and memory

Written by \`npm run bench:tracking\`; do not edit. Each server on SQLite and on this machine, started fresh, filled with the
same runs, measured line by line in turn by the same client: keep-alive connections over raw sockets, each sending its
next request when it has its answer. A missing figure says why. The searches ask for a metric and a param and an order.

${head(measured)
  .map((line) => `- ${line}`)
  .join("\n")}

## Start and memory

${markdownTable(startRows(measured))}

## Requests

${markdownTable([HEADER, ...figures(measured)])}

## Targets

${verdicts(measured)
  .map((line) => `- ${line}`)
  .join("\n")}
`;
}

function head({ subjects, options, loadBefore, loadAfter }) {
  return [
    machine(),
    `load average ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after; ${options.seconds} s a measurement`,
    ...subjects.map((subject) =>
      subject.notRun
        ? `${subject.kind.name}: not run: ${subject.notRun}`
        : `${subject.version}: ${subject.kind.durability}`,
    ),
  ];
}

function startRows({ subjects }) {
  const memory = (value) => (value === null || value === undefined ? "" : value.toFixed(0));
  const rows = subjects.map((subject) =>
    subject.notRun
      ? [subject.kind.name, "not run"]
      : [
          subject.kind.name,
          subject.startMs.toFixed(0),
          subject.idle.processes,
          memory(subject.idle.rss),
          memory(subject.idle.pss),
          memory(subject.after?.rss),
          memory(subject.after?.pss),
        ],
  );
  const header = [
    "server",
    "start ms",
    "processes",
    "idle RSS MB",
    "idle PSS MB",
    "RSS after MB",
    "PSS after MB",
  ];
  return [header, ...rows];
}

function figures({ results }) {
  return results.flatMap(({ line, connections, servers }) =>
    Object.entries(servers).map(([name, result]) => {
      const start = [line.name, connections, name];
      if (result.notRun) return [...start, `not run: ${result.notRun.replaceAll("|", "/")}`];
      const { perSecond, p50, p95, serverCpuMicros, clientCpuMicros } = result;
      const ratios =
        name === "slipway" ? Object.keys(TARGETS).map((peer) => ratio(servers, peer)?.toFixed(1) ?? "") : [];
      return [
        ...start,
        perSecond < 100 ? perSecond.toFixed(1) : perSecond.toFixed(0),
        p50.toFixed(2),
        p95.toFixed(2),
        serverCpuMicros.toFixed(0),
        clientCpuMicros.toFixed(0),
        ...ratios,
      ];
    }),
  );
}

function ratio(servers, peer) {
  const [ours, theirs] = [servers.slipway, servers[peer]];
  return ours.notRun || !theirs || theirs.notRun ? undefined : ours.perSecond / theirs.perSecond;
}

/** Every target that isn't reached, by name; one line when all are. */
function verdicts({ results }) {
  const missed = [];
  let kept = 0;
  const judge = (isKept, text) => (isKept ? kept++ : missed.push(`not reached: ${text}`));
  for (const { line, connections, servers } of results) {
    if (line.noTarget) continue;
    for (const [peer, target] of Object.entries(TARGETS)) {
      const times = ratio(servers, peer);
      if (times !== undefined)
        judge(
          times >= target,
          `${line.name}, ${connections} connections: ${times.toFixed(1)} x ${peer}, not ${target} x`,
        );
    }
    const max = line.target?.maxMs;
    if (max !== undefined && !servers.slipway.notRun)
      judge(servers.slipway.p50 <= max, `${line.name}: ${servers.slipway.p50.toFixed(0)} ms, not ${max} ms`);
  }
  for (const row of results.filter(({ line }) => line.size === 100_000)) {
    const small = results.find(
      ({ line, connections }) => line.size === 1_000 && connections === row.connections,
    );
    const [p95, least] = [row.servers.slipway.p95, small?.servers.slipway.p95];
    if (p95 === undefined || least === undefined) continue;
    judge(
      p95 <= 3 * least,
      `${row.line.name}, ${row.connections} connections: p95 ${(p95 / least).toFixed(1)} x that over 1 k, not 3 x`,
    );
  }
  return [`${kept} of ${kept + missed.length} targets are reached`, ...missed];
}

function markdownTable(rows) {
  const [header, ...body] = rows;
  const line = (cells) => `| ${header.map((_, index) => String(cells[index] ?? "")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...body.map(line)].join("\n");
}
