import picocolors from "picocolors";

export type Colors = ReturnType<typeof picocolors.createColors>;

/** The outside of a command: where it writes and reads. Passed in, so that tests need no process. */
export interface Terminal {
  write(text: string): void;
  writeError(text: string): void;
  stdin: AsyncIterable<Uint8Array>;
  /** Whether a person sees what is written. */
  isInteractive: boolean;
  /** Characters of a line; undefined when nobody says. */
  columns?: number | undefined;
  /** Absolute. */
  cwd: string;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after so many milliseconds. */
  sleep(ms: number): Promise<void>;
  /** Calls `listener` at Ctrl-C, which then ends nothing by itself; answers how to stop that. Absent: Ctrl-C ends all. */
  onInterrupt?: ((listener: () => void) => () => void) | undefined;
  /** Asks a person without showing the answer; undefined where nobody sits at it. */
  askSecret?: ((question: string) => Promise<string>) | undefined;
}

/** Colours when a person sees them and didn't switch them off (no-color.org). */
export function colorsFor(terminal: Terminal, env: Readonly<Record<string, string | undefined>>): Colors {
  const isOff = (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb";
  return picocolors.createColors(terminal.isInteractive && !isOff);
}

/** Text of others made safe for a terminal: colours stay, whatever moves the cursor or talks to the terminal goes. */
export function tame(text: string): string {
  return text.replaceAll(
    // oxlint-disable-next-line no-control-regex
    /(\u001b\[[0-9;]*m)|\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)?|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    (_, color: string | undefined) => color ?? "",
  );
}

/** Of a terminal that doesn't say: what fits into most windows, logs and mails. */
const DEFAULT_COLUMNS = 100;
const FEWEST_COLUMNS = 40;

/** Characters of a line to write; a window may be narrower than what can be read at all. */
export function widthOf({ columns }: Pick<Terminal, "columns">): number {
  return Math.max(FEWEST_COLUMNS, columns ?? DEFAULT_COLUMNS);
}

/** One line of at most `width` characters, with an ellipsis where it was cut. Takes plain text. */
export function cut(text: string, width: number): string {
  const line = oneLine(text);
  return line.length <= width ? line : `${line.slice(0, Math.max(1, width - 1)).trimEnd()}…`;
}

/** Text of others as one tame line. */
export function oneLine(text: string): string {
  return tame(text).replaceAll(/\s*\n\s*/g, " ");
}

/** Lines of at most `width` characters, each below the indent, broken at spaces. A longer word stays whole. */
export function wrap(text: string, width: number, indent = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of oneLine(text).split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}

/** Rows below a head, columns as wide as their longest cell; no trailing spaces. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** How long ago, in the largest fitting unit: `12 s ago`, `3 h ago`. */
export function ago(at: number | null | undefined, now: number): string {
  return at === null || at === undefined ? "-" : `${span(now - at)} ago`;
}

/** A length of time in the largest fitting unit: `340 ms`, `12 s`, `4 min`, `3 h`, `2 d`. */
function span(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${hours(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** "1.6", "2", "14": a small number of them is rounded by less. */
function hours(value: number): number {
  return value < 10 ? Math.round(value * 10) / 10 : Math.round(value);
}

const BYTE_UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** `0 bytes`, `1.5 MiB`, `230 GiB`. */
export function byteWords(bytes: number): string {
  const step = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** step;
  const digits = step === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${bytes === 1 ? "byte" : BYTE_UNITS[step]}`;
}

/** The part of a commit's name that people use. */
export function short(commit: string | null | undefined): string {
  return commit === null || commit === undefined || commit === "" ? "-" : commit.slice(0, 8);
}
