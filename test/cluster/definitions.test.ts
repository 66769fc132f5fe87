import { beforeAll, describe, expect, it } from "vitest";
import { testCluster, type TestCluster } from "./support/cluster.ts";
import { definitions, installDefinitions, removeDefinitions } from "./support/definitions.ts";
import { differences, listing } from "./support/listing.ts";
import { DEFINITION_SETS } from "../../tools/cluster/sources.mjs";

describe("the definitions of others' kinds", () => {
  let cluster: TestCluster;
  beforeAll(() => {
    cluster = testCluster();
  });

  it("come from their projects' releases, some from each", () => {
    for (const name of DEFINITION_SETS) expect(definitions([name]), name).not.toHaveLength(0);
  });

  it("are taken by the server and leave nothing behind", async () => {
    const before = await listing(cluster);
    const some = definitions(["gateway-api", "cert-manager"]);
    await installDefinitions(cluster, some);
    expect(differences(before, await listing(cluster))).toHaveLength(some.length);
    await removeDefinitions(cluster, some);
    expect(differences(before, await listing(cluster))).toEqual([]);
  });
});
