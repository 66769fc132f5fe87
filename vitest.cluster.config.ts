import { defineConfig } from "vitest/config";

/** `npm run test:cluster -- --api`. */
export default defineConfig({
  test: {
    include: ["test/cluster/**/*.test.ts"],
    // These take a node.
    exclude: ["test/cluster/node/**"],
    pool: "threads",
    isolate: false,
    // One API server for all.
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    provide: { database: "sqlite" },
  },
});
