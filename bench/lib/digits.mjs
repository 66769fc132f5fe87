// The template's model on a benchmark's platform, the way a person brings it there.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./project.mjs";

const command = fileURLToPath(new URL("../../bin/slipway", import.meta.url));
const AUTHOR = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];

/** Makes the digits project in `folder`, with so many hidden units, and pushes it; resolves when it is served. */
export async function pushDigits(platform, folder, hidden = 0) {
  const work = join(folder, "digits");
  await run(process.execPath, [command, "init", work, "--template", "digits"], { cwd: folder });
  if (hidden > 0) {
    const spec = join(work, "slipway.yaml");
    writeFileSync(spec, readFileSync(spec, "utf8").replace(/hidden: 0\b/, `hidden: ${hidden}`));
    await run("git", [...AUTHOR, "commit", "--quiet", "-am", "The better model"], { cwd: work });
  }
  await run("git", ["push", "--quiet", `${platform.gitUrl}/digits.git`, "HEAD:main"], { cwd: work });
  const answer = await fetch(`${platform.url}/v2/models/digits/ready`);
  if (!answer.ok) throw new Error(`the model isn't served: ${answer.status}`);
}
