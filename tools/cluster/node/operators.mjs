// Programs that a platform is built on, as images of our own making: nobody's are to be had here. What installs them
// in a cluster is in test/cluster/node/support.
import { ensureProgram } from "../programs.mjs";
import { importProgram } from "./images.mjs";

/** `user`: who they run as; `path`: where others look for them in the image. */
const OPERATORS = {
  "workflow-controller": { path: "/bin/workflow-controller", user: "8737" },
  argoexec: { path: "/bin/argoexec", user: "8737" },
};

/**
 * Builds and imports all of them.
 * @param {{ ctr: string, socket: string }} runtime
 */
export async function importOperators(runtime) {
  for (const [name, how] of Object.entries(OPERATORS))
    await importProgram(runtime, `slipway.local/${name}:test`, ensureProgram(name), how);
}
