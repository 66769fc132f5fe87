// Makes the captures that the README shows: runs the demo, asks the platform it leaves behind, and writes
// what was printed to docs/captures/. In README.md the text between `<!-- capture NAME -->` and
// `<!-- /capture -->` is replaced. `node tools/with-install.mjs node tools/captures.mjs`
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join(root, "docs", "captures");
const slipway = join(root, "bin", "slipway");

const demo = await capture(process.execPath, [join(root, "demo", "run.mjs"), "--keep"], root);
process.stdout.write(demo.text);
const kept = /still running: (\S+) {2}\(process (\d+);[\s\S]*project: (\S+),/.exec(demo.text);
if (demo.code !== 0 || kept === null) {
  console.error("captures: the demo did not observe everything; nothing was written");
  process.exit(1);
}
const [, url, pid, project] = kept;
const whole = demo.text.slice(0, demo.text.indexOf("\n  still running"));
const captures = {
  "demo-whole": whole,
  demo: `$ npm run demo\n…\n${whole.slice(whole.indexOf("What the demo's own client observed"))}`,
  push: `$ git push slipway main\n${streamed(whole, "2 · ")}`,
};
try {
  captures.status = await shown(["status", "--url", url]);
  captures.why = await shown(["why", "version/digits/3", "--url", url]);
  captures["refused-push"] = await refusedPush();
} finally {
  process.kill(Number(pid), "SIGTERM");
  rmSync(dirname(project), { recursive: true, force: true, maxRetries: 20, retryDelay: 500 });
}
write();

/** What Git streamed in a scene of the demo. */
function streamed(text, scene) {
  const [, rest] = text.split(`\n${scene}`, 2);
  const lines = rest.split("\n\n")[0].split("\n");
  return lines
    .filter((line) => line.startsWith("  │ "))
    .map((line) => line.slice(4))
    .join("\n");
}

/** A command as a person types it, and what it printed. */
async function shown(args) {
  const { text } = await capture(process.execPath, [slipway, ...args], project);
  return `$ slipway ${args.filter((arg) => arg !== "--url" && arg !== url).join(" ")}\n${text}`;
}

async function refusedPush() {
  const file = join(project, "slipway.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace("falseRollbackRate", "falseRolbackRate"));
  const author = ["-c", "user.name=Demo", "-c", "user.email=demo@example.org"];
  await capture("git", [...author, "commit", "--quiet", "--all", "--message", "Tune the rollout"], project);
  const { text } = await capture("git", ["push", "slipway", "main"], project);
  return `$ git push slipway main\n${text}`;
}

/** Runs a program; answers its exit code and all it printed, without colours. */
function capture(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (chunk) => (text += chunk));
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, text: stripVTControlCharacters(text) }));
  });
}

function write() {
  mkdirSync(folder, { recursive: true });
  const readme = join(root, "README.md");
  let page = existsSync(readme) ? readFileSync(readme, "utf8") : "";
  for (const [name, text] of Object.entries(captures)) {
    // The folder is another one on every machine.
    const here = text.replaceAll(dirname(project), "~").trim();
    const clean = `${here.replaceAll(/[ \t]+$/gm, "")}\n`;
    writeFileSync(join(folder, `${name}.txt`), clean);
    const marked = new RegExp(`(<!-- capture ${name} -->\n)[\\s\\S]*?(<!-- /capture -->)`);
    page = page.replace(marked, (_, start, end) => `${start}\`\`\`text\n${clean}\`\`\`\n${end}`);
  }
  if (page !== "") writeFileSync(readme, page);
  console.log(`captures: ${Object.keys(captures).join(", ")} written to docs/captures/`);
}
