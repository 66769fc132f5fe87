import { expect, it } from "vitest";
import { DEFINITION_SETS } from "../../tools/cluster/sources.mjs";
import { testCluster } from "./support/cluster.ts";
import { definitions, installDefinitions, removeDefinitions } from "./support/definitions.ts";
import { differences, listing } from "./support/listing.ts";

it("come from every project's release", () => {
  for (const name of DEFINITION_SETS) expect(definitions([name]), name).not.toEqual([]);
});

it("are taken by the server and leave nothing behind", async () => {
  const cluster = testCluster();
  const before = await listing(cluster);
  const some = definitions(["flux-source", "cert-manager"]);
  const made = await installDefinitions(cluster, some);
  expect(differences(before, await listing(cluster))).toHaveLength(made.length);
  await removeDefinitions(cluster, made);
  expect(differences(before, await listing(cluster))).toEqual([]);
});
