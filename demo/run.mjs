// `npm run demo [-- --keep]`: the main job on real data, watched by a client of its own.
// Exit code 0 only if that client observed all of it.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LoadGenerator } from "./load/client.mjs";
import { Platform } from "./platform.mjs";
import {
  allInAll,
  betterVersion,
  failingVersion,
  firstVersion,
  MODEL,
  stoppedBeforeTraffic,
  wrongVersion,
} from "./scenes.mjs";
import { duration, Findings, heading, say } from "./terminal.mjs";

const { values: options } = parseArgs({ options: { keep: { type: "boolean", default: false } } });
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const LABEL_DELAY_MS = 2_500;

const folder = mkdtempSync(join(tmpdir(), "slipway-demo-"));
const findings = new Findings();
const load = new LoadGenerator();
let platform;
let problem;
let interrupted = false;
let ending;
process.on("SIGINT", () => interrupt());
process.on("SIGTERM", () => interrupt());

const startedAt = Date.now();
try {
  await play();
} catch (error) {
  problem = error;
}
await end();

async function play() {
  heading("Slipway: from git push to a model in production, and back");
  const rows = readFileSync(here("data/live.csv"), "utf8").trimEnd().split("\n").length - 1;
  say(`data: Pen-Based Recognition of Handwritten Digits (Alpaydin and Alimoglu, UCI, CC BY 4.0)`);
  say(`${rows.toLocaleString("en-US")} rows that training never sees, sent by a separate process;`);
  say(`their true labels follow ${LABEL_DELAY_MS / 1000} s later`);
  const dataDir = join(folder, "data");
  mkdirSync(dataDir);
  platform = await Platform.start({ dataDir, logDir: folder, cwd: folder });
  say(`slipway up: ${platform.url} (ready after ${duration(Date.now() - startedAt)})`);
  await load.start({
    url: platform.url,
    model: MODEL,
    rowsFile: here("data/live.csv"),
    labelDelayMs: LABEL_DELAY_MS,
    logFile: join(folder, "load.jsonl"),
  });
  const stage = { platform, load, findings, folder };
  for (const scene of [
    firstVersion,
    betterVersion,
    wrongVersion,
    failingVersion,
    stoppedBeforeTraffic,
    allInAll,
  ]) {
    await scene(stage);
  }
  findings.figure("6 · All in all", "time", duration(Date.now() - startedAt));
}

/** Once, whoever asks first: the end of the scenes, or Ctrl-C. */
function end() {
  ending ??= finish();
  return ending;
}

/** Prints the table, ends the processes (or says where they are), sets the exit code. */
async function finish() {
  if (problem !== undefined && !interrupted) {
    heading("The demo stopped");
    say(problem.message);
  }
  heading("What the demo's own client observed");
  findings.table();
  await load.end();
  const isKept = options.keep && problem === undefined && platform !== undefined;
  const isGood = problem === undefined && findings.failed.length === 0;
  if (isKept) {
    platform.letGo();
    console.log(
      `\n  still running: ${platform.url}  (process ${platform.pid}; end it with: kill ${platform.pid})`,
    );
    console.log(`  project: ${join(folder, MODEL)}, log of every request: ${join(folder, "load.jsonl")}`);
  } else {
    await platform?.stop();
    if (isGood) rmSync(folder, { recursive: true, force: true });
    else console.log(`\n  everything is left for you to read in ${folder}`);
  }
  const missed = findings.failed.map(({ scene, name }) => `${scene.slice(0, 1)}: ${name}`).join("; ");
  console.log(isGood ? "\n  all observed" : `\n  NOT all observed: ${missed || problem.message}`);
  process.exitCode = isGood ? 0 : 1;
}

/** Ctrl-C: a second one ends at once. */
function interrupt() {
  if (interrupted) process.exit(130);
  interrupted = true;
  problem = new Error("interrupted");
  void end().then(() => process.exit(130));
}
