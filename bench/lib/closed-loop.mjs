// A closed-loop HTTP load of one POST, as a process of its own: N keep-alive connections, each sends its next
// request when it has its answer. Raw sockets, so that the client costs as little as it can.
// Arguments: port path bodyFile connections seconds. Prints one JSON line.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { quantile } from "./report.mjs";

const [port, path, bodyFile, connections, seconds] = process.argv.slice(2);
const body = readFileSync(bodyFile);
const request = Buffer.concat([
  Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
  ),
  body,
]);
const WARM_UP_MS = 1000;
const latencies = [];
let failed = 0;
let measuring = false;
let done = false;

/** Length of the first whole answer in `bytes`, or 0. */
function answerLength(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return 0;
  const length = /content-length: (\d+)/i.exec(bytes.toString("latin1", 0, end));
  if (!length) throw new Error("an answer without content-length");
  const total = end + 4 + Number(length[1]);
  return bytes.length >= total ? total : 0;
}

function run() {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), "127.0.0.1");
    socket.setNoDelay(true);
    let pending = Buffer.alloc(0);
    let sent = 0;
    const send = () => {
      sent = performance.now();
      socket.write(request);
    };
    socket.on("connect", send);
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const length = answerLength(pending);
      if (length === 0) return;
      if (measuring) latencies.push(performance.now() - sent);
      if (pending[9] !== 0x32) failed++;
      pending = pending.subarray(length);
      if (done) {
        socket.end();
        resolve();
      } else send();
    });
  });
}

const all = Promise.all(Array.from({ length: Number(connections) }, run));
await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
const cpuBefore = process.cpuUsage();
const started = performance.now();
process.stdout.write(`${JSON.stringify({ measuring: true })}\n`);
measuring = true;
await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1000));
measuring = false;
done = true;
const elapsed = (performance.now() - started) / 1000;
const cpu = process.cpuUsage(cpuBefore);
process.stdout.write(`${JSON.stringify({ measuring: false })}\n`);
await all;
console.log(
  JSON.stringify({
    perSecond: latencies.length / elapsed,
    p50: quantile(latencies, 0.5),
    p95: quantile(latencies, 0.95),
    p99: quantile(latencies, 0.99),
    failed,
    clientCpu: (cpu.user + cpu.system) / 1e6,
    count: latencies.length,
  }),
);
