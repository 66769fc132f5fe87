// FastTrackML, a rewrite of the tracking server in Go. Its wheel carries the binary; the version is pinned, and kept
// in .cache/ between runs.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePython } from "../../../tools/python.mjs";
import { fillFasttrackml } from "./fasttrackml-fill.mjs";
import { freePort, startServer } from "../../lib/server-process.mjs";

const VERSION = "0.6.0";
const CACHE = fileURLToPath(new URL(`../../../.cache/fasttrackml-${VERSION}`, import.meta.url));
const BINARY = join(CACHE, `FastTrackML-${VERSION}.data`, "data", "bin", "fml");

export const fasttrackml = {
  name: "fasttrackml",
  durability:
    "SQLite, WAL, synchronous NORMAL (its driver's default): a commit is not flushed, a power cut may lose it",
  artifacts: false,
  registry: false,
  fill: fillFasttrackml,
  async install() {
    if (!existsSync(BINARY)) download();
    chmodSync(BINARY, 0o755);
    const said = spawnSync(BINARY, ["--version"], { encoding: "utf8" });
    if (said.status !== 0)
      throw new Error(`its binary doesn't run here: ${said.stderr || said.error?.message}`);
    return `FastTrackML ${said.stdout.trim().split(" ").at(-1)}`;
  },
  async start(folder) {
    const port = await freePort();
    return startServer({
      command: BINARY,
      args: [
        "server",
        "--listen-address",
        `127.0.0.1:${port}`,
        "--log-level",
        "error",
        "--database-uri",
        `sqlite://${join(folder, "fasttrackml.db")}`,
        "--default-artifact-root",
        join(folder, "artifacts"),
      ],
      cwd: folder,
      env: process.env,
      port,
      logFile: join(folder, "fasttrackml.log"),
    });
  },
};

function download() {
  mkdirSync(CACHE, { recursive: true });
  const python = ensurePython();
  run(python, ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", CACHE, `fasttrackml==${VERSION}`]);
  const wheel = readdirSync(CACHE).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) throw new Error("the package index has no wheel of it for this machine");
  run(python, ["-m", "zipfile", "-e", join(CACHE, wheel), CACHE]);
}

function run(command, args) {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0)
    throw new Error(`python ${args.slice(0, 3).join(" ")} failed: ${stderr.trim().split("\n").at(-1)}`);
}
