/** Units of an interval, by the arm that got them. */
export interface Arms {
  champion: number;
  challenger: number;
}

/** Challenger's units of an interval that are enough to end it: far fewer would say little in each arm of its own. */
const ENOUGH_UNITS = 20;
/** An interval without as many ends after this. */
const LONGEST_MS = 30_000;
const SHORTEST_MS = 1_000;
/** Between two shares that are told apart. */
const GRID = 0.01;
/** Of shares near 0 and 1, where a hundredth is much. */
const FINE_GRID = 0.001;

/**
 * Whether an interval may end. It asks for units that began alone and for nothing of how they ended, so that when an
 * interval ends tells nothing of its outcomes.
 */
export function isIntervalOver(units: Arms, ageMs: number): boolean {
  if (ageMs < SHORTEST_MS || units.champion + units.challenger === 0) return false;
  return Math.min(units.champion, units.challenger) >= ENOUGH_UNITS || ageMs >= LONGEST_MS;
}

/**
 * The share that an interval's units are counted with: what was observed, on a grid, so that intervals of one share add up.
 * What rounding leaves (`carry`, in units of traffic) goes on to the next interval: over many of them the shares that were
 * told and those that were had come to the same, however the grid lies.
 */
export function observedShare(
  { champion, challenger }: Arms,
  carry: number,
): { share: number; carry: number } {
  const units = champion + challenger;
  if (champion === 0 || challenger === 0) return { share: challenger === 0 ? 0 : 1, carry };
  const wanted = challenger / units + carry / units;
  const edge = Math.min(challenger, champion) / units;
  const grid = edge < 0.1 ? FINE_GRID : GRID;
  const steps = Math.round(1 / grid);
  // Both arms had units: a share of 0 or 1 would take them out of every test.
  const share = Math.min(steps - 1, Math.max(1, Math.round(wanted * steps))) / steps;
  return { share, carry: challenger + carry - share * units };
}
