import type { Clock } from "../../base/clock.ts";
import { SlipwayError } from "../../http/errors.ts";

/**
 * As the work ends, or with GIT_MIRROR_AWAY after so many milliseconds; the work itself isn't stopped. It isn't begun
 * when no time is left.
 */
export async function within<Value>(clock: Clock, ms: number, begin: () => Promise<Value>): Promise<Value> {
  if (ms <= 0) throw late();
  const done = new AbortController();
  const work = begin();
  const timer = clock.sleep(ms, done.signal).then(
    () => {
      throw late();
    },
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([work, timer]);
  } finally {
    done.abort();
    work.catch(() => {});
  }
}

function late(): SlipwayError {
  return new SlipwayError("GIT_MIRROR_AWAY", "the mirror of the repositories doesn't answer in time");
}

/** A failure of the store in the words of who can't push because of it; what is about the mirror itself stays. */
export function asAway(error: unknown): SlipwayError {
  if (error instanceof SlipwayError && error.code.startsWith("GIT_")) return error;
  const said = error instanceof Error ? error.message : String(error);
  const given = error instanceof SlipwayError ? error.facts.given : undefined;
  return new SlipwayError("GIT_MIRROR_AWAY", `the mirror of the repositories can't be written: ${said}`, {
    cause: error,
    ...(given === undefined ? {} : { given }),
  });
}
