import type { ReadTx } from "../../store/database.ts";

/** Newest commits of a service that are looked through. */
const MOST_COMMITS = 1000;

/**
 * The champion that a service goes back to from its present one: the one before it on the way that led there. A
 * version that was gone back from (a revert, a rollback by hand) isn't on that way any more, so that going back
 * twice never brings it again. Null when there is none.
 */
export async function previousChampion(tx: ReadTx, service: string): Promise<number | null> {
  const newest = await tx.all<{ champion: number | null }>(
    "SELECT champion FROM rollout_history WHERE service = ? ORDER BY commit_order DESC LIMIT ?",
    [service, MOST_COMMITS],
  );
  return wayBack(newest.reverse().map(({ champion }) => (champion === null ? null : Number(champion))));
}

/** The champion before the last one, of champions by age; one that comes again takes back all that came after it. */
export function wayBack(champions: readonly (number | null)[]): number | null {
  const way: number[] = [];
  for (const champion of champions) {
    if (champion === null) continue;
    const at = way.indexOf(champion);
    if (at >= 0) way.length = at + 1;
    else way.push(champion);
  }
  return way.at(-2) ?? null;
}
