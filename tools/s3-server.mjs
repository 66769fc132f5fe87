// The S3-compatible server that tests run against: versitygw, which checks signatures. The one that SLIPWAY_S3_SERVER
// names, or one that Go's module proxy gives, built into .cache/. Takes minutes once, then nothing.
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const VERSION = "1.8.0";
const MODULE = `github.com/versity/versitygw/cmd/versitygw@v${VERSION}`;
const folder = join(root, ".cache", "s3", VERSION);
const server = join(folder, "versitygw");

/**
 * Path of the server's program; undefined when it isn't there and `install` is false. Throws with what is missing.
 * @param {{ env?: Record<string, string | undefined>, install?: boolean }} [options]
 * @returns {string | undefined}
 */
export function ensureS3Server({ env = process.env, install = true } = {}) {
  const named = env.SLIPWAY_S3_SERVER;
  if (named) {
    if (isProgram(named)) return named;
    throw new Error(`SLIPWAY_S3_SERVER names ${named}, which can't be run`);
  }
  if (isProgram(server)) return server;
  if (!install) return undefined;
  console.error("building the S3 server of the tests into .cache/ (once)");
  const building = `${folder}.building-${process.pid}`;
  mkdirSync(building, { recursive: true });
  try {
    const go = spawnSync("go", ["install", MODULE], { env: { ...env, GOBIN: building }, encoding: "utf8" });
    if (go.error)
      throw new Error(
        "Go is needed to build versitygw, or SLIPWAY_S3_SERVER must name one: `go` could not be started",
      );
    if (go.status !== 0)
      throw new Error(
        `\`go install ${MODULE}\` failed:\n${go.stderr.trim().split("\n").slice(-5).join("\n")}`,
      );
    mkdirSync(folder, { recursive: true });
    renameSync(join(building, "versitygw"), server);
    return server;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(ensureS3Server());
