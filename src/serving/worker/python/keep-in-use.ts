import { utimes } from "node:fs/promises";
import { dirname, join } from "node:path";

const HOURLY_MS = 3_600_000;

/**
 * Says hourly that an environment is in use, by the time of its `.complete` file: the cache of environments removes
 * what nobody has used for a day when it gets too large. Nothing happens where there is no such file.
 */
export function keepInUse(python: string): { stop(): void } {
  const marker = join(dirname(dirname(python)), ".complete");
  const touch = (): void => {
    const now = new Date();
    utimes(marker, now, now).catch(() => {});
  };
  touch();
  const timer = setInterval(touch, HOURLY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
