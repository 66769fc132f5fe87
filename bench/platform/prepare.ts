import { testCluster } from "../../test/cluster/support/cluster.ts";
import { definitionsFor, installDefinitions } from "../../test/cluster/support/definitions.ts";
import { giveThings } from "../../test/cluster/support/given.ts";
import { StandInNode } from "../../test/cluster/support/stand-in-node.ts";
import { platformFiles, renderFile } from "../../test/cluster/support/platforms.ts";

/**
 * Makes what the platforms of a folder need and don't make: definitions of others, given Secrets, and answers to the
 * webhooks that they install, whose programs don't run here. `definitions`: how many of the first. `state`: the control
 * plane's folder; undefined: a whole cluster.
 */
export async function prepare(
  kubeconfig: string,
  { folder, state }: { folder: string; state?: string },
): Promise<{ definitions: number; stop: () => Promise<void> }> {
  const cluster = testCluster(kubeconfig);
  const rendered = platformFiles(folder).map(renderFile);
  const needed = definitionsFor(rendered.flatMap(({ objects }) => objects.map(({ object }) => object)));
  await installDefinitions(cluster, needed);
  for (const one of rendered) await giveThings(cluster, one);
  const node = new StandInNode(cluster, state);
  if (state !== undefined) await node.start();
  return { definitions: needed.length, stop: () => node.stop() };
}
