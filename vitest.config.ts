import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    exclude: ["test/cluster/**"],
    pool: "threads",
    isolate: false,
    // One file a core: most of the time goes to processes that the tests start.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    globalSetup: ["test/build-once.ts", "test/postgres-once.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "sqlite",
          include: ["test/**/*.test.ts"],
          exclude: ["test/cluster/**", "test/store/postgres*.test.ts", "test/e2e/two-platforms.test.ts"],
          provide: { database: "sqlite" },
        },
      },
      {
        extends: true,
        test: {
          name: "postgres",
          // What answers MLflow's API out of the database, once more over the other one.
          include: [
            "test/{tracking,registry,tenancy,gc,history}/**/*.test.ts",
            "test/store/{postgres*,events}.test.ts",
            "test/e2e/two-platforms.test.ts",
          ],
          // Not about the database, or slow clients that ask what other tests ask as well.
          exclude: [
            "**/*-client.test.ts",
            "**/artifacts*.test.ts",
            "**/contract.test.ts",
            "**/filter.test.ts",
            "**/mlflow-calls.test.ts",
            "**/oidc.test.ts",
            "**/search-differential.test.ts",
            "**/source-pattern.test.ts",
            "**/target.test.ts",
          ],
          provide: { database: "postgres" },
        },
      },
    ],
  },
});
