// Runs a command with everything in place: on a fresh clone it installs the npm packages, and builds the
// command when the sources are newer. `node tools/with-install.mjs CMD [ARG…]`; Node's own modules only.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [command, ...args] = process.argv.slice(2);
if (command === undefined) fail("usage: node tools/with-install.mjs CMD [ARG…]");
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Node.js ${process.versions.node} is too old; 20.19 or newer is needed`);
}

const reason = whyInstall();
if (reason) {
  const started = performance.now();
  console.error(`slipway: npm ci (${reason})`);
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (npm.error) fail(`npm could not be started: ${npm.error.message}`);
  if (npm.status !== 0) fail("npm ci failed; its messages are above");
  console.error(`slipway: npm packages installed (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}

const { build, isFresh } = await import("./build.mjs");
if (!isFresh()) {
  console.error("slipway: building dist/ (sources are newer)");
  await build();
}

const child = spawn(command, args, {
  stdio: "inherit",
  env: { ...process.env, PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH}` },
});
child.on("error", (error) => fail(`${command} could not be started: ${error.message}`));
process.on("SIGTERM", () => child.kill("SIGTERM"));
// A terminal's Ctrl-C reaches the child by itself; this process only waits for it.
process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
child.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 143);
});

/** Why the packages must be installed, or undefined. npm writes the hidden lock file last. */
function whyInstall() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return "first run in this clone";
  const isOlder = statSync(installed).mtimeMs < statSync(join(root, "package-lock.json")).mtimeMs;
  return isOlder ? "package-lock.json is newer than node_modules" : undefined;
}

function fail(message) {
  console.error(`slipway: ${message}`);
  process.exit(1);
}
