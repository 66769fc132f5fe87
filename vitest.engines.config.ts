import { defineConfig } from "vitest/config";

/** `npm run test:engines`. */
export default defineConfig({
  test: {
    include: ["test/engines/**/*.test.ts"],
    pool: "threads",
    isolate: false,
    // Engines are heavy: one at a time.
    maxWorkers: 1,
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
    globalSetup: ["test/postgres-once.ts"],
    provide: { database: "sqlite" },
  },
});
