// `npm run test:engines`: tests against real engines and clients that are too large for `npm test`. What can't be had
// here fails with the name of what is missing; nothing is skipped. Arguments go to vitest.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { requireJava } from "./java.mjs";
import { ensureEnginePython } from "./python.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const environments = readdirSync(join(root, "test", "engines", "python"))
  .filter((name) => name.endsWith(".txt"))
  .map((name) => name.slice(0, -".txt".length));

// All that is missing is told, and what can be tested is tested.
const missing = [
  () => requireJava(17),
  ...environments.map((name) => () => void ensureEnginePython(name)),
].flatMap((prepare) => {
  try {
    prepare();
    return [];
  } catch (error) {
    return [error.message];
  }
});
const { status } = spawnSync(
  process.execPath,
  [
    join("tools", "with-install.mjs"),
    "vitest",
    "run",
    "--config",
    "vitest.engines.config.ts",
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: "inherit" },
);
for (const what of missing) console.log(`missing: ${what}`);
process.exitCode = status === 0 && missing.length === 0 ? 0 : 1;
