/** Longer words are cut before they are compared: nobody mistypes 64 letters, and the cost grows with the square. */
const LONGEST = 64;

/**
 * Fewest insertions, deletions, substitutions and swaps of neighbours between two words
 * (optimal string alignment; Boytsov, "Indexing methods for approximate dictionary searching", 2011).
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) best = Math.min(best, at(beforeLast, j - 2) + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

/** The known word that was most likely meant, compared without case; undefined when none is close. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const given = word.slice(0, LONGEST).toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(given.length / 2)) + 1;
  for (const candidate of known) {
    const other = candidate.slice(0, LONGEST).toLowerCase();
    const distance = editDistance(given, other);
    // Two short words always lie within two edits of each other; that alone is no likeness.
    if (distance < bestDistance && distance < Math.max(given.length, other.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
