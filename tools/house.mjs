// The house's import rules (CONTRIBUTING.md): which folder of src/ may import which.
// Every import counts, of types too; a cycle between files is an error unless it is types only (oxlint checks cycles).
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const src = join(root, "src");
/** Folders that anything may import. */
const SHARED = new Set(["base", "http", "store", "spec"]);
/** Only these may see targets and wire features together. */
const COMPOSERS = new Set(["roles", "main.ts"]);

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

/** The room a file is in: its first folder, or targets/<name>. */
function room(path) {
  const [first, second] = relative(src, path).split("/");
  return first === "targets" ? `targets/${second}` : first;
}

const problems = [];
for (const path of files(src)) {
  const text = readFileSync(path, "utf8");
  const here = relative(src, path);
  for (const [, specifier] of text.matchAll(/(?:from\s+|import\(\s*|import\s+)"(\.[^"]+)"/g)) {
    const target = normalize(join(dirname(path), specifier));
    if (relative(src, target).startsWith("..")) {
      problems.push(`src/${here} imports ${relative(root, target)}: nothing in src imports from outside it`);
      continue;
    }
    const from = room(path);
    const to = room(target);
    if (from === to || COMPOSERS.has(from)) continue;
    const say = (rule) => problems.push(`src/${here} imports src/${relative(src, target)}: ${rule}`);
    if (COMPOSERS.has(to)) say("nothing imports the composition root");
    else if (to.startsWith("targets/")) say("only the composition root imports a target");
    else if (from === "base") say("base imports nothing of ours");
    else if (to === "cli") say("only the composition root imports the command line");
    else if (SHARED.has(from) && !SHARED.has(to) && to !== "base")
      say(`${from} may import base, http, store, spec only`);
  }
  if (here !== "main.ts" && /process\.(env|argv)\b/.test(text))
    problems.push(`src/${here}: only main.ts reads process.env and process.argv`);
}
// The console runs in a browser: of src/ it may know the shape of what it is sent, and nothing that runs.
const IMPORTS = /^(?:import|export)\s(type\s)?[^;]*?from\s+"(\.[^"]+)";/gms;
for (const path of files(join(root, "console"))) {
  for (const [, isType, specifier] of readFileSync(path, "utf8").matchAll(IMPORTS)) {
    const target = relative(root, normalize(join(dirname(path), specifier)));
    if (target.startsWith("console/") || (target.startsWith("src/") && isType)) continue;
    problems.push(
      `${relative(root, path)} imports ${target}: the console imports only types, and only of src`,
    );
  }
}
for (const problem of problems) console.error(problem);
console.log(
  problems.length === 0 ? "house: every import keeps the rules" : `house: ${problems.length} broken`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
