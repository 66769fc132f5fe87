import { testCluster } from "../../test/cluster/support/cluster.ts";
import { definitionsFor, installDefinitions } from "../../test/cluster/support/definitions.ts";
import { giveThings } from "../../test/cluster/support/given.ts";
import { platformFiles, renderFile } from "../../test/cluster/support/platforms.ts";

/** Makes what the platforms of record need and don't make: definitions of others, given Secrets; answers how many of the former. */
export async function prepare(kubeconfig: string): Promise<number> {
  const cluster = testCluster(kubeconfig);
  const rendered = platformFiles().map(renderFile);
  const needed = definitionsFor(rendered.flatMap(({ objects }) => objects.map(({ object }) => object)));
  await installDefinitions(cluster, needed);
  for (const one of rendered) await giveThings(cluster, one);
  return needed.length;
}
