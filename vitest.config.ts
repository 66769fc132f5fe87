import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.ts";

export default defineConfig({
  test: {
    exclude: ["test/cluster/**", "test/engines/**"],
    pool: "threads",
    isolate: false,
    // One file a core: most of the time goes to processes that the tests start.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // No promise about speed, only an end for what hangs: on a machine at ten times its load all must still pass.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    globalSetup: ["test/build-once.ts", "test/postgres-once.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "sqlite",
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/cluster/**",
            "test/engines/**",
            "test/store/postgres*.test.ts",
            "test/e2e/two-platforms.test.ts",
          ],
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
            "test/import/routes.test.ts",
            "test/store/{postgres*,events}.test.ts",
            "test/e2e/{tenants,two-platforms}.test.ts",
          ],
          // Not about the database, or slow clients that ask what other tests ask as well.
          exclude: [
            "**/*-client.test.ts",
            "**/*differential.test.ts",
            "**/artifacts*.test.ts",
            "**/attacks.test.ts",
            "**/authentication.test.ts",
            "**/contract.test.ts",
            "**/dispatcher.test.ts",
            "**/filter.test.ts",
            "**/foreign.test.ts",
            "**/fuzz/**",
            "**/mlflow-calls.test.ts",
            "**/oidc.test.ts",
            "**/source-pattern.test.ts",
            "**/target.test.ts",
            "**/wire/**",
          ],
          provide: { database: "postgres" },
        },
      },
    ],
  },
});
