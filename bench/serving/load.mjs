// One measured load on a server, closed or open loop, by a client in a process of its own.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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
  return measured(server, [here("open-loop.mjs"), server.port, server.path, bodyFile, rate, seconds]);
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
