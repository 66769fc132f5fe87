// A project of its own for a benchmark: written into a folder, pushed by the real git client.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Runs a command to its end; rejects with its output when it fails. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0
        ? resolve(output)
        : reject(new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output}`)),
    );
  });
}

/** A new Git work tree with these files (path to text); `push()` sends it and resolves with what the push printed. */
export async function makeProject(name, files, gitUrl) {
  const folder = mkdtempSync(join(tmpdir(), "slipway-bench-project-"));
  const git = (...args) =>
    run("git", ["-c", "user.name=bench", "-c", "user.email=bench@localhost", ...args], { cwd: folder });
  await git("init", "--quiet", "-b", "main");
  const write = (changed) => {
    for (const [path, text] of Object.entries(changed)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
  };
  write(files);
  return {
    folder,
    write,
    async push(message = "bench") {
      await git("add", "-A");
      await git("commit", "--quiet", "--allow-empty", "-m", message);
      return git("push", `${gitUrl}/${name}.git`, "main");
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
