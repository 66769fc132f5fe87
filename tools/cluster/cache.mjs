// Where built programs of the cluster tests are kept: outside of the clone, so that every clone uses them.
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * SLIPWAY_TEST_CACHE, or `slipway-test` where this system keeps its users' caches.
 * @param {Record<string, string | undefined>} [env]
 */
export function cacheFolder(env = process.env) {
  if (env.SLIPWAY_TEST_CACHE) return env.SLIPWAY_TEST_CACHE;
  const fallback =
    process.platform === "darwin" ? join(homedir(), "Library", "Caches") : join(homedir(), ".cache");
  return join(env.XDG_CACHE_HOME || fallback, "slipway-test");
}
