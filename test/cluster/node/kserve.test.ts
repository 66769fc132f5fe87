import { afterAll, beforeAll } from "vitest";
import { testCluster } from "../support/cluster.ts";
import { installKserve } from "./support/kserve.ts";
import { servingCases } from "./support/serving-cases.ts";

let kserve: { remove: () => Promise<void> };

beforeAll(async () => {
  kserve = await installKserve(testCluster());
});

afterAll(async () => {
  await kserve?.remove();
});

servingCases(true);
