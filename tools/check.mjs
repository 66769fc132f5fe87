// `npm run check`: types, lint, format, dead code, import rules, generated pages, links; side by side, each named, all reported.
import { spawn } from "node:child_process";

const CHECKS = [
  ["types", "tsc", ["--noEmit"]],
  ["types of the console", "tsc", ["--noEmit", "-p", "console"]],
  ["lint", "oxlint", ["--deny-warnings"]],
  ["format", "oxfmt", ["--check", "."]],
  ["dead code", "knip", []],
  ["house", "node", ["tools/house.mjs"]],
  ["console's size", "node", ["tools/console.mjs"]],
  ["reference", "node", ["tools/reference.mjs"]],
  ["MLflow's table", "node", ["tools/mlflow-table.mjs", "--check"]],
  ["links", "node", ["tools/links.mjs"]],
];

const results = await Promise.all(
  CHECKS.map(
    ([name, command, args]) =>
      new Promise((resolve) => {
        const started = performance.now();
        const child = spawn(command, args, {
          env: { ...process.env, PATH: `node_modules/.bin:${process.env.PATH}` },
        });
        let output = "";
        child.stdout.on("data", (chunk) => (output += chunk));
        child.stderr.on("data", (chunk) => (output += chunk));
        child.on("error", (error) => resolve({ name, ok: false, output: error.message, seconds: 0 }));
        child.on("close", (code) =>
          resolve({ name, ok: code === 0, output, seconds: (performance.now() - started) / 1000 }),
        );
      }),
  ),
);
for (const { name, ok, output, seconds } of results) {
  if (!ok) console.log(output.trimEnd());
  console.log(`${ok ? "ok  " : "FAIL"} ${name} (${seconds.toFixed(1)} s)`);
}
process.exitCode = results.every((result) => result.ok) ? 0 : 1;
