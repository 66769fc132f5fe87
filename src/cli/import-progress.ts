import type { Report } from "../import/driver/tally.ts";
import type { Terminal } from "./terminal.ts";
import { cut, widthOf } from "./terminal.ts";

/** Between two looks of a person, and between two lines of a log. */
const REDRAW_MS = 100;
const LINE_MS = 10_000;

/** Shows how far an import is: one line that changes on a terminal, a line now and then elsewhere. */
export class ImportProgress {
  readonly #terminal: Terminal;
  #shownAt: number;
  #isDrawn = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#shownAt = terminal.now();
  }

  show(report: Report): void {
    const { now, isInteractive } = { now: this.#terminal.now(), isInteractive: this.#terminal.isInteractive };
    if (now - this.#shownAt < (isInteractive ? REDRAW_MS : LINE_MS)) return;
    this.#shownAt = now;
    const seconds = Math.max(1, Math.round((now - report.startedAt) / 1000));
    const text = `${line(report)} · ${seconds} s`;
    if (!isInteractive) return this.#terminal.writeError(`${text}\n`);
    this.#terminal.writeError(`\r\u001b[K${cut(text, widthOf(this.#terminal) - 1)}`);
    this.#isDrawn = true;
  }

  /** Takes the changing line away. */
  end(): void {
    if (this.#isDrawn) this.#terminal.writeError("\r\u001b[K");
    this.#isDrawn = false;
  }
}

const NAMES = [
  ["experiments", "experiments"],
  ["runs", "runs"],
  ["loggedModels", "logged models"],
  ["traces", "traces"],
  ["registeredModels", "registered models"],
  ["files", "files"],
] as const;

function line({ counts, bytes, problemCount }: Report): string {
  const parts = NAMES.flatMap(([key, name]) => {
    const { found, brought, unchanged } = counts[key];
    return found === 0 ? [] : [`${name} ${brought + unchanged}/${found}`];
  });
  if (counts.points.brought > 0) parts.push(`${counts.points.brought} points`);
  if (bytes > 0) parts.push(size(bytes));
  if (problemCount > 0) parts.push(`${problemCount} problems`);
  return parts.join(" · ");
}

/** Bytes in the largest fitting unit: `340 B`, `1.2 GB`. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ""}`;
}
