// This platform, as `slipway up` starts it: SQLite, WAL, synchronous FULL.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, isFresh } from "../../../tools/build.mjs";
import { freePort, startServer } from "../../lib/server-process.mjs";
import { fillSlipway } from "./slipway-fill.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

export const slipway = {
  name: "slipway",
  durability: "SQLite, WAL, synchronous FULL; acknowledged after fsync, concurrent requests share one commit",
  artifacts: true,
  registry: true,
  fill: fillSlipway,
  async install() {
    if (!isFresh()) await build();
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    return `slipway ${version}`;
  },
  async start(folder) {
    const port = await freePort();
    return startServer({
      command: process.execPath,
      args: [
        join(ROOT, "bin", "slipway"),
        "up",
        "--json",
        "--port",
        String(port),
        "--data",
        join(folder, "data"),
      ],
      cwd: folder,
      env: process.env,
      port,
      logFile: join(folder, "slipway.log"),
    });
  },
};
