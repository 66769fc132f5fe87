// docs/reference/metrics.md from the table in src/monitoring/metrics-table.ts.

const HEAD = `# Metrics

What \`GET /metrics\` answers, in the Prometheus text format 0.0.4; no other name is ever emitted. Counters begin at zero
when their process starts, as Prometheus's \`rate()\` expects. A histogram has \`_bucket\` (with \`le\`), \`_sum\` and
\`_count\` series. How to scrape and what to watch: [guides/metrics.md](../guides/metrics.md).

Made from \`src/monitoring/metrics-table.ts\` by \`node tools/reference.mjs --write\`.
`;

const PARTS = {
  serve: "The process at the public address, about requests",
  workers: "Workers, which run the models",
  rollouts: "Rollouts",
  pipelines: "Pipelines",
  store: "The database's writer",
  processes: "The platform's own processes",
};

/** A table for each part of the platform, in the order of the metrics' table. */
export function metricsPage(metrics) {
  const parts = Object.entries(PARTS).map(([part, title]) => {
    const rows = Object.entries(metrics).filter(([, { from }]) => from === part);
    const lines = rows.map(([name, row]) => line(name, row));
    return `\n## ${title}\n\n| name | type | unit | labels | meaning | there is one once |\n|---|---|---|---|---|---|\n${lines.join("")}`;
  });
  return HEAD + parts.join("");
}

function line(name, { type, unit, labels, help, when = "" }) {
  const names = labels.map((label) => `\`${label}\``).join(", ");
  return `| \`${name}\` | ${type} | ${unit} | ${names} | ${help} | ${when} |\n`;
}
