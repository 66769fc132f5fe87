const LEVELS = "▁▂▃▄▅▆▇█";

/**
 * Values over time as one line of blocks, on a logarithmic scale: the top block is reached at `threshold`, the lowest
 * at a hundredth of 1 or less. Each block shows the last value of its time or before. "" without points.
 */
export function sparkline(
  points: readonly { at: number; value: number }[],
  threshold: number,
  width: number,
): string {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last) return "";
  const blocks = Math.min(width, points.length);
  const span = Math.max(1, last.at - first.at);
  const values: (number | undefined)[] = Array.from({ length: blocks }, () => undefined);
  for (const { at, value } of points) {
    const place = Math.round(((at - first.at) / span) * (blocks - 1));
    values[Math.max(0, Math.min(blocks - 1, place))] = value;
  }
  let text = "";
  let shown = first.value;
  for (const value of values) {
    shown = value ?? shown;
    text += levelOf(shown, threshold);
  }
  return text;
}

const LOWEST = Math.log(0.01);

function levelOf(value: number, threshold: number): string {
  const top = LEVELS.length - 1;
  if (value >= threshold) return LEVELS.charAt(top);
  const height = (Math.log(Math.max(value, 1e-300)) - LOWEST) / (Math.log(threshold) - LOWEST);
  // The top block is for what has reached its threshold.
  return LEVELS.charAt(Math.max(0, Math.min(top - 1, Math.floor(height * top))));
}
