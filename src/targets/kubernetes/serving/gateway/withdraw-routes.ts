import type { RenderedBranch } from "../../../../git/rendered-branch.ts";
import type { ClusterClient } from "../../cluster/client.ts";
import { identityOf } from "../../object.ts";
import { objectsIn } from "../branch-state.ts";
import { isRoutePath } from "./route.ts";

interface WithdrawDeps {
  branch: RenderedBranch;
  client: Pick<ClusterClient, "delete">;
}

/**
 * Takes away the routes of a platform whose gateway divided by weights, and does so no more: they would lead callers past
 * serve to pods that ask nobody for a token. The cluster first, so that what couldn't be done is still known.
 */
export async function withdrawRoutes({ branch, client }: WithdrawDeps): Promise<void> {
  const { files } = await branch.read();
  const routes = [...files].filter(([path]) => isRoutePath(path));
  if (routes.length === 0) return;
  for (const [, text] of routes) for (const route of objectsIn(text)) await client.delete(identityOf(route));
  await branch.commit(new Map(routes.map(([path]) => [path, null])), "Let serve divide all traffic");
}
