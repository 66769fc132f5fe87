// `npm run bench:artifacts`: a large artifact up and down through the platform, into a folder and into an
// S3-compatible store, and how far the control process's memory grows meanwhile (Linux).
import { request } from "node:http";
import { readFileSync, writeFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { processName, processTree, startPlatform } from "./lib/platform.mjs";
import { machine, table } from "./lib/report.mjs";
import { startS3 } from "./lib/s3.mjs";

const BYTES = Number(process.env.BYTES ?? 2 ** 30);
const PARALLEL = Number(process.env.PARALLEL ?? 8);
const PIECE = Buffer.alloc(1024 * 1024, "slipway ");

console.log(machine());
const rows = [["store", "what", "MB/s", "peak growth of control, MB"]];
const s3 = await startS3();
const stores = [
  ["folder", {}],
  ["S3", { more: ["--artifacts", "s3://bench/a", "--artifacts-endpoint", s3.endpoint], env: s3.keys }],
];
for (const [store, options] of stores) {
  const platform = await startPlatform(undefined, 0, options);
  const control = processTree(platform.pid).find((pid) => processName(pid) === "control");
  const file = (name) => `${platform.url}/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/${name}`;
  // Once through every line of it, so that what is loaded late isn't counted.
  await put(file("warm"), 20 * PIECE.length);
  await get(file("warm"));
  const size = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const each = Math.floor(BYTES / PARALLEL / PIECE.length) * PIECE.length;
  const measured = [
    [`upload of ${size(BYTES)}`, () => put(file("large"), BYTES)],
    [`download of ${size(BYTES)}`, () => get(file("large"))],
    [`${PARALLEL} uploads of ${size(each)} at once`, () => all((n) => put(file(`part-${n}`), each))],
    [`${PARALLEL} downloads at once`, () => all((n) => get(file(`part-${n}`)))],
  ];
  for (const [what, run] of measured) {
    const before = resetPeak(control);
    const started = performance.now();
    await run();
    const seconds = (performance.now() - started) / 1000;
    rows.push([
      store,
      what,
      (BYTES / 1e6 / seconds).toFixed(0),
      (megabytes(control, "VmHWM") - before).toFixed(0),
    ]);
  }
  await platform.stop();
}
await s3.stop();
console.log(table(rows));

function all(run) {
  return Promise.all(Array.from({ length: PARALLEL }, (_, n) => run(n)));
}

function put(url, bytes) {
  return new Promise((resolve, reject) => {
    const upload = request(url, { method: "PUT", headers: { "content-length": bytes } }, (answer) => {
      answer.resume();
      answer.on("end", () =>
        answer.statusCode === 200 ? resolve() : reject(new Error(`PUT answered ${answer.statusCode}`)),
      );
    });
    upload.on("error", reject);
    let left = bytes;
    const write = () => {
      while (left > 0) {
        left -= PIECE.length;
        if (!upload.write(PIECE)) return upload.once("drain", write);
      }
      upload.end();
    };
    write();
  });
}

function get(url) {
  return new Promise((resolve, reject) => {
    request(url, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`GET answered ${answer.statusCode}`));
      answer.on("data", () => undefined);
      answer.on("end", resolve);
      answer.on("error", reject);
    })
      .on("error", reject)
      .end();
  });
}

/** Lets the peak begin anew; answers the memory now, in MB. */
function resetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  return megabytes(pid, "VmRSS");
}

function megabytes(pid, field) {
  return (
    Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) /
    1024
  );
}
