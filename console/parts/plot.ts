import uPlot from "uplot";
import { ceilingOf, clamp, decades } from "../view/scale.ts";
import { upperEdge, type Columns } from "../view/series.ts";
import type { Line } from "./chart.tsx";

export interface PlotOptions {
  columns: Columns;
  lines: Line[];
  threshold: { value: number; label: string } | undefined;
  changes: { time: number; share: number }[];
  isCut: boolean;
  format: (value: number) => string;
  onCursor: (index: number | null) => void;
}

export interface Plot {
  update(): void;
  destroy(): void;
}

const HEIGHT = 170;

/** Draws below `place` what `latest` holds, in the page's colours, and follows its width and the colour scheme. */
export function createPlot(place: HTMLElement, latest: { current: PlotOptions }): Plot {
  let plot = new uPlot(optionsOf(place, latest), dataOf(latest.current), place);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const redraw = () => {
    plot.destroy();
    plot = new uPlot(optionsOf(place, latest), dataOf(latest.current), place);
  };
  const resized = new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT }));
  resized.observe(place);
  dark.addEventListener("change", redraw);
  return {
    update: () => plot.setData(dataOf(latest.current)),
    destroy() {
      resized.disconnect();
      dark.removeEventListener("change", redraw);
      plot.destroy();
    },
  };
}

function dataOf({ columns, threshold }: PlotOptions): uPlot.AlignedData {
  if (threshold === undefined) return [columns.times, ...columns.lines];
  const range = decades(columns.lines.flat(), threshold.value);
  return [
    columns.times,
    ...columns.lines.map((line) => upperEdge(columns.times, line).map((value) => clamp(value, range))),
  ];
}

function optionsOf(place: HTMLElement, latest: { current: PlotOptions }): uPlot.Options {
  const { lines, threshold } = latest.current;
  const style = getComputedStyle(place);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const font = `11px ${style.fontFamily}`;
  const axis = {
    stroke: colour("quiet"),
    font,
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
  };
  const isLog = threshold !== undefined;
  return {
    width: place.clientWidth,
    height: HEIGHT,
    // On the right half of a time of day with its seconds, which may stand at the very edge.
    padding: [12, 30, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
    scales: {
      x: { time: true, range: (_plot, min, max) => (max - min < 5 ? [max - 5, max] : [min, max]) },
      y: isLog
        ? {
            distr: 3,
            range: () => {
              const { min, max } = decades(latest.current.columns.lines.flat(), threshold.value);
              return [min, max];
            },
          }
        : { range: (_plot, _min, max) => [0, topOf(latest.current, max)] },
    },
    axes: [
      {
        ...axis,
        space: 64,
        size: 26,
        values: (_plot, splits) => splits.map(clock(latest.current.columns.times)),
      },
      {
        ...axis,
        size: 56,
        space: isLog ? 22 : 26,
        // A logarithmic scale has nine lines per decade otherwise.
        ...(isLog ? { grid: { ...axis.grid, filter: (_plot, splits) => splits.map(decadeOnly) } } : {}),
        values: (_plot, splits) =>
          splits.map((value) => (value === null ? "" : latest.current.format(value))),
      },
    ],
    series: [{}, ...lines.flatMap((line) => seriesOf(line, colour))],
    bands: bandsOf(lines, colour),
    hooks: {
      setCursor: [(plot) => latest.current.onCursor(plot.cursor.idx ?? null)],
      draw: [(plot) => drawMarks(plot, latest.current, { font, colour })],
    },
  };
}

function seriesOf(line: Line, colour: (name: string) => string): uPlot.Series[] {
  const main: uPlot.Series = {
    label: line.label,
    stroke: colour(line.tone),
    width: line.width,
    spanGaps: true,
    points: { show: false },
    ...(line.dash === undefined ? {} : { dash: line.dash }),
  };
  const edge: uPlot.Series = { stroke: "transparent", width: 0, points: { show: false } };
  return line.hasBand === true ? [main, edge, edge] : [main];
}

function bandsOf(lines: readonly Line[], colour: (name: string) => string): uPlot.Band[] {
  const bands: uPlot.Band[] = [];
  let index = 1;
  for (const line of lines) {
    if (line.hasBand === true)
      bands.push({ series: [index + 2, index + 1], fill: colour(`${line.tone}-band`) });
    index += line.hasBand === true ? 3 : 1;
  }
  return bands;
}

function topOf({ isCut, columns }: PlotOptions, max: number): number {
  if (isCut) return ceilingOf(columns.lines);
  return max > 0 ? max * 1.1 : 1;
}

function decadeOnly(value: number): number | null {
  const exponent = Math.log10(value);
  return Math.abs(exponent - Math.round(exponent)) < 1e-9 ? value : null;
}

/** Times of day, with seconds while the whole chart is shorter than ten minutes. */
function clock(times: readonly number[]): (seconds: number) => string {
  const isShort = (times.at(-1) ?? 0) - (times[0] ?? 0) < 600;
  return (seconds) => {
    const date = new Date(seconds * 1000);
    const parts = [date.getHours(), date.getMinutes(), ...(isShort ? [date.getSeconds()] : [])];
    return parts.map((part) => String(part).padStart(2, "0")).join(":");
  };
}

interface Pens {
  font: string;
  colour: (name: string) => string;
}

function drawMarks(plot: uPlot, { threshold, changes }: PlotOptions, { font, colour }: Pens): void {
  const { ctx } = plot;
  const { left, top, width, height } = plot.bbox;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.font = font.replace(/^11px/, `${11 * ratio}px`);
  ctx.lineWidth = ratio;
  ctx.textBaseline = "bottom";
  for (const { time, share } of changes) {
    const x = plot.valToPos(time, "x", true);
    if (x < left || x > left + width) continue;
    ctx.strokeStyle = colour("quiet");
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    stroke(ctx, x, top, x, top + height);
    ctx.fillStyle = colour("quiet");
    const isAtEnd = x > left + width - 40 * ratio;
    ctx.textAlign = isAtEnd ? "right" : "left";
    ctx.fillText(`${share} %`, x + (isAtEnd ? -3 : 3) * ratio, top + height - 2 * ratio);
  }
  if (threshold !== undefined) {
    const y = plot.valToPos(threshold.value, "y", true);
    ctx.strokeStyle = colour("threshold");
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash([7 * ratio, 4 * ratio]);
    stroke(ctx, left, y, left + width, y);
    ctx.fillStyle = colour("threshold");
    // Evidence begins at 1, far below; at the right it may be where the words would be.
    ctx.textAlign = "left";
    ctx.fillText(threshold.label, left + 4 * ratio, y - 2 * ratio);
  }
  ctx.restore();
}

function stroke(ctx: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
  ctx.stroke();
}
