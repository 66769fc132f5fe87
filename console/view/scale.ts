/** Evidence far below or above what decides tells nobody more; it is drawn at the edge. */
const DECADES_BELOW = 3;
const DECADES_ABOVE = 2;

/** Whole decades that show all values and the threshold, on a logarithmic scale. Values that JSON lost are infinite. */
export function decades(values: readonly (number | null)[], threshold: number): { min: number; max: number } {
  const floor = 10 ** -DECADES_BELOW;
  const ceiling = threshold * 10 ** DECADES_ABOVE;
  let low = 1;
  let high = threshold;
  for (const value of values) {
    const known = value ?? Infinity;
    low = Math.min(low, Math.max(known, floor));
    high = Math.max(high, Math.min(known, ceiling));
  }
  const max = 10 ** Math.ceil(Math.log10(high) - 1e-9);
  // The threshold at the very edge would look like the frame.
  return { min: 10 ** Math.floor(Math.log10(low) + 1e-9), max: max <= threshold ? max * 10 : max };
}

export function clamp(value: number | null, { min, max }: { min: number; max: number }): number {
  return Math.min(Math.max(value ?? Infinity, min), max);
}

/** How far evidence is on its way: 0 where there is none (1 or less), 1 at the threshold, by its logarithm. */
export function progress(value: number | null, threshold: number): number {
  const known = value ?? Infinity;
  if (known <= 1) return 0;
  return Math.min(1, Math.log(known) / Math.log(threshold));
}

/** What evidence means in words; by its logarithm, as it grows. */
export function strength(value: number | null, threshold: number): string {
  const done = progress(value, threshold);
  if (done >= 1) return "shown";
  if (done >= 0.6) return "much speaks for it";
  if (done >= 0.25) return "something speaks for it";
  return done > 0 ? "hardly anything speaks for it" : "nothing speaks for it";
}

/**
 * Top of a chart of rates: the first few requests' intervals reach far, and would press the rest flat. They are cut
 * off at half as much again as three quarters of the values.
 */
export function ceilingOf(lines: readonly (readonly (number | null)[])[]): number {
  const known = lines.flat().filter((value) => value !== null);
  if (known.length === 0) return 0.01;
  const sorted = known.sort((a, b) => a - b);
  const usual = (sorted[Math.floor(sorted.length * 0.75)] ?? 0) * 1.5;
  const newest = Math.max(...lines.map((line) => line.at(-1) ?? 0)) * 1.1;
  const top = Math.min(Math.max(usual, newest), (sorted.at(-1) ?? 0) * 1.1);
  return top > 0 ? top : 0.01;
}
