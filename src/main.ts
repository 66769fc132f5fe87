import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Invocation } from "./base/invocation.ts";

const mainFile = realpathSync(fileURLToPath(import.meta.url));
const invocation: Invocation = {
  argv: process.argv.slice(2),
  env: process.env,
  packageDir: packageAbove(mainFile),
  mainFile,
  writerFile: join(dirname(mainFile), "writer-thread.js"),
};

/** A package carries the bundle in dist/, a clone one level deeper, in a folder for every build. */
function packageAbove(file: string): string {
  const folder = dirname(file);
  return existsSync(join(folder, "package.json")) || folder === dirname(folder)
    ? folder
    : packageAbove(folder);
}

const [first, role] = invocation.argv;
if (first === "__role") {
  switch (role) {
    case "serve":
      await (await import("./roles/serve.ts")).serveRole();
      break;
    case "control":
      await (await import("./roles/control.ts")).controlRole();
      break;
    case "worker":
      await (await import("./roles/worker.ts")).workerRole();
      break;
    case "prove":
      await (await import("./roles/prove.ts")).proveRole(invocation);
      break;
    case "git-hook":
      await (await import("./roles/git-hook.ts")).gitHookRole(invocation);
      break;
    default:
      throw new Error(`unknown role ${role}`);
  }
} else if (first?.startsWith("--role=")) {
  // A container of a cluster: what it is to be comes by its variables, not over IPC.
  switch (first.slice("--role=".length)) {
    case "control":
      await (await import("./roles/cluster/control.ts")).controlRole(invocation);
      break;
    case "serve":
      await (await import("./roles/cluster/serve.ts")).serveRole(invocation);
      break;
    case "worker":
      await (await import("./roles/cluster/worker.ts")).workerRole(invocation);
      break;
    case "step":
      await (await import("./roles/cluster/step.ts")).stepRole(invocation);
      break;
    default:
      throw new Error(`unknown role ${first}`);
  }
} else {
  const { runCommandLine } = await import("./roles/command-line.ts");
  process.exitCode = await runCommandLine(invocation);
}
