// Programs that a platform is built on, as images of our own making: nobody's are to be had here. What installs them
// in a cluster is in test/cluster/node/support.
import { ensureProgram } from "../programs.mjs";
import { folder } from "../../image/entries.mjs";
import { git } from "../../image/machine.mjs";
import { importProgram } from "./images.mjs";

/** `user`: who they run as; `path`: where others look for them in the image; `more`: what else is in it. */
const OPERATORS = {
  "workflow-controller": { path: "/bin/workflow-controller", user: "8737" },
  "kserve-manager": { path: "/manager", user: "1000" },
  argoexec: { path: "/bin/argoexec", user: "8737" },
  traefik: { path: "/usr/local/bin/traefik", user: "65532" },
  // It fetches by Git, which asks this same program for the password.
  argocd: {
    path: "/usr/local/bin/argocd",
    user: "999",
    more: () => [...git(), folder("/app/config/ssh"), folder("/app/config/tls")],
  },
  redis: { path: "/usr/local/bin/redis", user: "999" },
};

/**
 * Builds and imports all of them.
 * @param {{ ctr: string, socket: string }} runtime
 */
export async function importOperators(runtime) {
  for (const [name, { more, ...how }] of Object.entries(OPERATORS))
    await importProgram(runtime, `slipway.local/${name}:test`, ensureProgram(name), {
      ...how,
      more: more?.() ?? [],
    });
}
