// One measured load on a server, closed or open loop, by a client in a process of its own.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { runMeasured, withCpu } from "../lib/measured-client.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** So many connections, each sending its next request when it has its answer. */
export function closedLoop(server, { bodyFile, connections, seconds }) {
  return measured(server, [
    here("../lib/closed-loop.mjs"),
    server.port,
    server.path,
    bodyFile,
    connections,
    seconds,
  ]);
}

/** So many requests a second, whatever the server does; a latency begins when its request was due. */
export function openLoop(server, { bodyFile, rate, seconds }) {
  return measured(server, [openLoopFile(), server.port, server.path, bodyFile, rate, seconds]);
}

let bundled;

/** The client of the open loop: the product's own, as one file, until this process ends. */
function openLoopFile() {
  if (bundled !== undefined) return bundled;
  const folder = mkdtempSync(join(tmpdir(), "slipway-bench-load-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  bundled = join(folder, "open-loop.mjs");
  buildSync({
    entryPoints: [here("open-loop.ts")],
    outfile: bundled,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    logLevel: "warning",
  });
  return bundled;
}

async function measured(server, args) {
  const { notRun, said, serverCpu } = await runMeasured(server, args.map(String));
  if (notRun !== undefined) return { notRun };
  return said.count === 0 ? { notRun: "no answer" } : withCpu(said, serverCpu);
}

/** The body of so many rows in a server's format, in a file. */
export function writeBody(folder, { format, input = "x" }, rows) {
  const file = join(folder, `${format}-${input}-${rows.length}.json`);
  const shape = [rows.length, rows[0].length];
  const body =
    format === "invocations"
      ? { inputs: rows }
      : { inputs: [{ name: input, shape, datatype: "FP32", data: rows.flat() }] };
  writeFileSync(file, JSON.stringify(body));
  return file;
}
