/** Enough that a database elsewhere is seldom waited for, and few enough to hold in memory. */
const AT_ONCE = 200;

/**
 * Does it with each of them, many at a time: their statements are sent one behind the other without waiting for
 * answers, which for a database in another process is most of the time. What is done for one must not turn on another.
 */
export async function together<One>(all: readonly One[], act: (one: One) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < all.length; from += AT_ONCE)
    await Promise.all(all.slice(from, from + AT_ONCE).map(act));
}
