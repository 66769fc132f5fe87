import type { Row } from "../jobs/job.ts";
import { RULES, STREAMS } from "../jobs/peers.ts";
import { FAULTS } from "../jobs/speed.ts";
import { policy } from "../policies.ts";
import type { Result } from "../pool.ts";
import { median, percent, share, time } from "./figures.ts";

const WIDTH = 960;
const LEFT = 430;
const RIGHT = 40;
const LINE = 20;

/** Readable on a light and on a dark page: colours follow the reader's preference. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 14px; }
  .muted { fill: #57606a; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .limit { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 4 3; }
  .limit-text { fill: #cf222e; }
  .own { fill: #0969da; stroke: #0969da; }
  .other { fill: #8c959f; stroke: #8c959f; }
  .wrong { fill: #cf222e; stroke: #cf222e; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .muted { fill: #8d96a0; }
    .grid { stroke: #30363d; }
    .limit { stroke: #ff7b72; }
    .limit-text { fill: #ff7b72; }
    .own { fill: #58a6ff; stroke: #58a6ff; }
    .other { fill: #6e7681; stroke: #6e7681; }
    .wrong { fill: #ff7b72; stroke: #ff7b72; }
  }`;

/** One panel: its elements, and how high it is. */
interface Panel {
  body: string[];
  height: number;
}

/** Three panels: false rollbacks against the declared rate, time to a rollback against the best test, peers. */
export function drawing(results: readonly Result[]): string {
  const panels = [validityPanel(results), speedPanel(results), peersPanel(results)];
  let y = 10;
  const placed = panels.map(({ body, height }) => {
    const group = `<g transform="translate(0 ${y})">\n${body.join("\n")}\n</g>`;
    y += height + 24;
    return group;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="False rollback rates, time to a rollback, and peers">
<style>${STYLE}
</style>
${placed.join("\n")}
</svg>
`;
}

function validityPanel(results: readonly Result[]): Panel {
  const rows = results.filter(({ job }) => job.section === "validity");
  const declared = policy([]).falseRollbackRate;
  const scale = linear(0, Math.max(0.015, ...rows.map(({ rows }) => share(rows, isRolledBack).high)) * 1.05);
  const body = [
    title("False rollbacks of versions within their margins, up to the 95 % bound; declared 1 %"),
  ];
  rows.forEach(({ job, rows }, i) => {
    const y = 44 + i * LINE;
    const { rate, high } = share(rows, isRolledBack);
    body.push(
      label(job.title, y),
      `<line class="own" stroke-width="2" x1="${scale(rate)}" x2="${scale(high)}" y1="${y}" y2="${y}"/>`,
      `<circle class="own" cx="${scale(rate)}" cy="${y}" r="4"/>`,
      text(scale(high) + 6, y, percent(rate), "muted"),
    );
  });
  const bottom = 44 + rows.length * LINE;
  body.push(...limit(scale(declared), bottom, percent(declared, 0)));
  return { body, height: bottom + 6 };
}

function speedPanel(results: readonly Result[]): Panel {
  const rows = results.filter(
    ({ job, rows }) =>
      job.section === "speed" &&
      job.tags.rate === 100 &&
      Number.isFinite(median(rows, (row) => row.rolledBackAt)),
  );
  const value = ({ job, rows }: Result) => median(rows, (row) => row.rolledBackAt) - Number(job.tags.begins);
  const scale = logarithmic(0.1, 10_000);
  const body = [
    title("From a fault to its rollback, 100 requests/s, 10 % share: median (log scale)"),
    key(LEFT, "own", "this test"),
    key(LEFT + 110, "other", "test that knows both rates (SPRT)"),
  ];
  const top = 62;
  const bottom = top + rows.length * LINE;
  for (const seconds of [0.1, 1, 10, 100, 1000, 10_000])
    body.push(
      gridLine(scale(seconds), top - 10, bottom),
      text(scale(seconds) - 8, top - 14, time(seconds), "muted"),
    );
  rows.forEach((result, i) => {
    const y = top + i * LINE + 6;
    const sprt = median(result.rows, (row) => row.sprtAt ?? null);
    const found = value(result);
    const title = FAULTS.find(({ name }) => name === result.job.tags.fault)?.title ?? result.job.title;
    body.push(label(title, y));
    if (Number.isFinite(sprt)) {
      body.push(
        `<line class="other" stroke-width="2" x1="${scale(sprt)}" x2="${scale(found)}" y1="${y}" y2="${y}"/>`,
        `<circle class="other" cx="${scale(sprt)}" cy="${y}" r="4"/>`,
      );
    }
    const ratio = Number.isFinite(sprt) ? `, ${(found / sprt).toFixed(2)} times` : "";
    body.push(
      `<circle class="own" cx="${scale(found)}" cy="${y}" r="4"/>`,
      text(scale(found) + 8, y, `${time(found)}${ratio}`, "muted"),
    );
  });
  return { body, height: bottom + 10 };
}

function peersPanel(results: readonly Result[]): Panel {
  const streams = STREAMS.filter(({ name }) => results.some(({ job }) => job.tags.stream === name));
  const body = [
    title(
      "Peers on the same requests: share of rollouts taken out (equal versions: 0 is right; faults: 100 % is right)",
    ),
  ];
  const columnWidth = (WIDTH - LEFT + 150 - RIGHT) / RULES.length;
  const left = LEFT - 150;
  RULES.forEach((rule, column) => {
    const [name = "", detail = ""] = rule.title.split(", ");
    body.push(text(left + column * columnWidth, 44, name));
    if (detail) body.push(text(left + column * columnWidth, 58, detail, "muted"));
  });
  streams.forEach((stream, i) => {
    const y = 80 + i * LINE;
    body.push(
      `<text x="${left - 14}" y="${y}" text-anchor="end" dominant-baseline="middle">${escape(stream.title)}</text>`,
    );
    RULES.forEach((rule, column) => {
      const found = results.find(({ job }) => job.tags.stream === stream.name && job.tags.rule === rule.name);
      if (!found) return;
      const { rate } = share(found.rows, isRolledBack);
      const x = left + column * columnWidth;
      const width = columnWidth - 62;
      const looks = rule.name === "slipway" ? "own" : "other";
      const shade = !stream.isFaulty && rate > policy([]).falseRollbackRate * 2 ? "wrong" : looks;
      body.push(
        `<line class="grid" x1="${x}" x2="${x + width}" y1="${y}" y2="${y}"/>`,
        `<rect class="${shade}" stroke="none" x="${x}" y="${y - 5}" width="${Math.max(1, rate * width).toFixed(1)}" height="10"/>`,
        text(x + width + 6, y, percent(rate, rate > 0 && rate < 0.1 ? 1 : 0), "muted"),
      );
    });
  });
  return { body, height: 80 + streams.length * LINE };
}

const isRolledBack = (row: Row) => row.rolledBackAt !== null;

function linear(from: number, to: number): (value: number) => number {
  const width = WIDTH - LEFT - RIGHT - 60;
  return (value) => round(LEFT + ((value - from) / (to - from)) * width);
}

function logarithmic(from: number, to: number): (value: number) => number {
  const scale = linear(Math.log(from), Math.log(to));
  return (value) => scale(Math.log(Math.min(to, Math.max(from, value))));
}

function title(words: string): string {
  return `<text class="title" x="10" y="16">${escape(words)}</text>`;
}

function label(words: string, y: number): string {
  return `<text x="${LEFT - 14}" y="${y}" text-anchor="end" dominant-baseline="middle">${escape(words)}</text>`;
}

function text(x: number, y: number, words: string, kind = ""): string {
  return `<text${kind ? ` class="${kind}"` : ""} x="${round(x)}" y="${y}" dominant-baseline="middle">${escape(words)}</text>`;
}

function key(x: number, kind: string, words: string): string {
  return `<circle class="${kind}" cx="${x}" cy="32" r="4"/>${text(x + 10, 32, words, "muted")}`;
}

function gridLine(x: number, top: number, bottom: number): string {
  return `<line class="grid" x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/>`;
}

function limit(x: number, bottom: number, words: string): string[] {
  return [
    `<line class="limit" x1="${x}" x2="${x}" y1="34" y2="${bottom}"/>`,
    text(x - 8, 28, words, "limit-text"),
  ];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
