import { join } from "node:path";
import type { StepEnvironments } from "../../../../pipelines/environments.ts";
import { BuiltOnce, type BuiltOnceDeps } from "./built-once.ts";
import { prepareNode } from "./node.ts";
import { preparePython } from "./python.ts";
import { hashOf, toolMark } from "./tools.ts";

/** Step environments on this machine, kept in `<cacheDir>/environments/`. */
export function createLocalEnvironments(
  deps: Omit<BuiltOnceDeps, "root"> & { cacheDir: string },
): StepEnvironments {
  const built = new BuiltOnce({ ...deps, root: join(deps.cacheDir, "environments") });
  return {
    async prepare(request) {
      const { python, node } = request.declared;
      if (python !== undefined) return preparePython(request, python, built);
      if (node !== undefined) return prepareNode(request, node, built);
      // What the machine has. Another interpreter may give another result, so it counts.
      const { PATH } = request.env;
      const machine = [toolMark("python3", PATH), toolMark("node", PATH), process.platform, process.arch];
      return { hash: hashOf("machine", ...machine), env: {} };
    },
  };
}
