import { testCluster } from "../../test/cluster/support/cluster.ts";
import { definitions, installDefinitions } from "../../test/cluster/support/definitions.ts";

/** Installs the definitions of every kind that platforms use; answers how many. */
export async function prepare(kubeconfig: string): Promise<number> {
  const all = definitions();
  await installDefinitions(testCluster(kubeconfig), all);
  return all.length;
}
