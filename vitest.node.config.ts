import { defineConfig } from "vitest/config";

/** `npm run test:cluster`. */
export default defineConfig({
  test: {
    include: ["test/cluster/node/**/*.test.ts"],
    pool: "threads",
    isolate: false,
    // One node for all.
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    provide: { database: "sqlite" },
  },
});
