import { useEffect, useRef, useState } from "react";
import type { Columns } from "../view/series.ts";
import type { Plot, PlotOptions } from "./plot.ts";

export interface Line {
  label: string;
  tone: "champion" | "challenger" | "harm" | "first" | "second" | "third";
  width: number;
  dash?: number[] | undefined;
  /** Of a line with a band: the two lines after it in the columns are its edges. */
  hasBand?: boolean;
}

interface ChartProps {
  /** What the chart shows, for those who can't see it. */
  label: string;
  columns: Columns;
  lines: Line[];
  /** With one the scale is logarithmic: evidence against what decides. */
  threshold?: { value: number; label: string };
  changes: { time: number; share: number }[];
  /** Cuts off what the first few units bend. */
  isCut?: boolean;
  format: (value: number) => string;
}

/** Lines over time, with bands, a threshold, and marks where the share changed. The legend tells the values. */
export function Chart({ label, columns, lines, threshold, changes, isCut = false, format }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const shape = JSON.stringify([lines, threshold]);
  const options: PlotOptions = { columns, lines, threshold, changes, isCut, format, onCursor: setCursor };
  const latest = useRef<PlotOptions>(options);
  latest.current = options;
  useEffect(() => {
    let isGone = false;
    // A file of its own: the words of the page don't wait for what draws.
    import("./plot.ts")
      .then(({ createPlot }) => {
        if (!isGone && place.current !== null) plot.current = createPlot(place.current, latest);
      })
      .catch((error: unknown) => {
        // The numbers beside it say the same; a page at night must not go blank for a picture.
        if (!isGone) setProblem(error instanceof Error ? error.message : String(error));
      });
    return () => {
      isGone = true;
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.update(), [columns, changes]);

  const last = columns.times.length - 1;
  const shown = cursor ?? last;
  let column = 0;
  return (
    <figure className="chart">
      <figcaption className="legend">
        {lines.map((line) => {
          const value = columns.lines[column]?.[shown];
          column += line.hasBand === true ? 3 : 1;
          return (
            <span key={line.label}>
              <svg width="18" height="8" aria-hidden="true">
                <line
                  className={`stroke-${line.tone}`}
                  x1="0"
                  x2="18"
                  y1="4"
                  y2="4"
                  strokeWidth={line.width + 0.5}
                  strokeDasharray={line.dash?.join(" ")}
                />
              </svg>
              {line.label} <b>{value === undefined || value === null ? "–" : format(value)}</b>
            </span>
          );
        })}
      </figcaption>
      {problem !== null && <p className="warning">This chart can't be drawn here: {problem}</p>}
      <div ref={place} className="plot" role="img" aria-label={label} />
    </figure>
  );
}
