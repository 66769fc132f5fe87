/** The written forms of quantities in our files. Each parser answers undefined for text that isn't of its form. */

const DURATION_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const SIZE_BYTES = {
  "": 1,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
} as const;

export const DURATION_PATTERN = String.raw`^(\d+(\.\d+)?(ms|s|m|h|d))+$`;
export const SIZE_PATTERN = String.raw`^\d+(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$`;
export const POINTS_PATTERN = String.raw`^\d+(\.\d+)?pp$`;
export const PERCENT_PATTERN = String.raw`^\d+(\.\d+)?%$`;

/** Binary fractions of decimal text (0.7 / 100 is 0.006999…) brought back to the decimal that was meant. */
function decimal(value: number): number {
  return Number(value.toPrecision(12));
}

/** `"2h"`, `"1h30m"`, `"500ms"` in milliseconds. */
export function parseDuration(text: string): number | undefined {
  if (!new RegExp(DURATION_PATTERN).test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
    total += Number(amount) * DURATION_MS[unit as keyof typeof DURATION_MS];
  return Math.round(total);
}

/** `"4Gi"`, `"512Mi"`, `"1.5G"`, `"1024"` in bytes, with Kubernetes' suffixes. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(\D*)$/.exec(text);
  const factor = SIZE_BYTES[match?.[2] as keyof typeof SIZE_BYTES];
  return match === null || factor === undefined ? undefined : Math.round(Number(match[1]) * factor);
}

/** Percentage points, `"0.5pp"`, as the difference of two fractions: 0.005. */
export function parsePoints(text: string): number | undefined {
  return new RegExp(POINTS_PATTERN).test(text) ? decimal(Number(text.slice(0, -2)) / 100) : undefined;
}

/** `"20%"` as a fraction: 0.2. */
export function parsePercent(text: string): number | undefined {
  return new RegExp(PERCENT_PATTERN).test(text) ? decimal(Number(text.slice(0, -1)) / 100) : undefined;
}

/** Milliseconds in the largest unit that divides them: 7200000 is `2h`. */
export function formatDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"] as const)
    if (ms !== 0 && ms % DURATION_MS[unit] === 0) return `${ms / DURATION_MS[unit]}${unit}`;
  return `${ms}ms`;
}

const DURATION_WORDS = { d: "d", h: "h", m: "min", s: "s" } as const;

/** The same for sentences, where a number and its unit stand apart: 7200000 is `2 h`, 90000 is `90 s`. */
export function durationWords(ms: number): string {
  for (const unit of ["d", "h", "m", "s"] as const)
    if (ms !== 0 && ms % DURATION_MS[unit] === 0) return `${ms / DURATION_MS[unit]} ${DURATION_WORDS[unit]}`;
  return `${ms} ms`;
}

/** Bytes in the largest binary unit that divides them: 16777216 is `16Mi`. */
export function formatSize(bytes: number): string {
  for (const unit of ["Ti", "Gi", "Mi", "Ki"] as const)
    if (bytes !== 0 && bytes % SIZE_BYTES[unit] === 0) return `${bytes / SIZE_BYTES[unit]}${unit}`;
  return String(bytes);
}
