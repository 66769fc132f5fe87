// What the integration server runs: `npm test`, then the platforms of record on a real Kubernetes API. Both run whatever
// becomes of the other; the last line has the sum of theirs, and the exit code says whether everything passed.
import { spawn } from "node:child_process";

const PARTS = [
  ["test", "--silent"],
  ["run", "--silent", "test:cluster", "--", "--api"],
];
const RESULT = /^(\d+) passed, (\d+) failed$/gm;
/** Of each part's output, for its last line. */
const TAIL = 4096;

const sum = { passed: 0, failed: 0 };
for (const args of PARTS) {
  const { passed, failed } = await run(args);
  sum.passed += passed;
  sum.failed += failed;
}
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed === 0 ? 0 : 1;

/** A part that ends without saying how many passed has failed. */
function run(args) {
  const began = performance.now();
  const child = spawn("npm", args, { stdio: ["ignore", "pipe", "inherit"] });
  let tail = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    process.stdout.write(text);
    tail = (tail + text).slice(-TAIL);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      const [, passed = "0", failed = "0"] = [...tail.matchAll(RESULT)].at(-1) ?? [];
      const minutes = ((performance.now() - began) / 60_000).toFixed(1);
      console.log(`npm ${args.join(" ")}: exit ${code}, ${minutes} min`);
      resolve({ passed: Number(passed), failed: code === 0 ? Number(failed) : Math.max(1, Number(failed)) });
    });
  });
}
