/** SLIPWAY_TEST_CACHE, or `slipway-test` where this system keeps its users' caches. */
export function cacheFolder(env?: Record<string, string | undefined>): string;
