// An open-loop HTTP load of one POST, as a process of its own: requests are due at a steady rate whether or not the
// server has answered the ones before, and a latency is counted from when its request was due, so that a server which
// stalls can't hide it by being asked less.
// Arguments: port path bodyFile rate seconds. Prints one JSON line.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { quantile } from "../lib/report.mjs";

const [port, path, bodyFile, rate, seconds] = process.argv.slice(2);
const body = readFileSync(bodyFile);
const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
const request = Buffer.concat([Buffer.from(head), body]);
const WARM_UP_MS = 1000;
/** More requests than this are never under way; one that is due beyond it is counted as dropped. */
const MAX_CONNECTIONS = 256;
const DRAIN_MS = 5_000;
const TICK_MS = 1;

const idle = [];
let connections = 0;
let underWay = 0;
const latencies = [];
const counts = { good: 0, refused: 0, failed: 0, dropped: 0 };

function answerLength(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return 0;
  const length = Number(/content-length: (\d+)/i.exec(bytes.toString("latin1", 0, end))?.[1] ?? 0);
  return bytes.length >= end + 4 + length ? end + 4 + length : 0;
}

function open() {
  connections++;
  const socket = connect(Number(port), "127.0.0.1");
  socket.setNoDelay(true);
  const own = { socket, due: 0, isMeasured: false, isBusy: false };
  let pending = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const length = answerLength(pending);
    if (length === 0) return;
    const status = pending.toString("latin1", 9, 12);
    pending = pending.subarray(length);
    settle(own, status === "200" ? "good" : status === "503" ? "refused" : "failed");
    idle.push(own);
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    connections--;
    const at = idle.indexOf(own);
    if (at >= 0) idle.splice(at, 1);
    settle(own, "failed");
  });
  return own;
}

function settle(own, how) {
  if (!own.isBusy) return;
  own.isBusy = false;
  underWay--;
  if (!own.isMeasured) return;
  counts[how]++;
  if (how === "good") latencies.push(performance.now() - own.due);
}

function send(due, isMeasured) {
  const own = idle.pop() ?? (connections < MAX_CONNECTIONS ? open() : undefined);
  if (own === undefined) {
    if (isMeasured) counts.dropped++;
    return;
  }
  own.due = due;
  own.isMeasured = isMeasured;
  own.isBusy = true;
  underWay++;
  own.socket.write(request);
}

/** Sends what is due until `until`; resolves then. */
function play(from, until, isMeasured) {
  const gap = 1000 / Number(rate);
  let next = from;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now();
      for (; next <= now && next < until; next += gap) send(next, isMeasured);
      if (now < until) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
}

const start = performance.now();
await play(start, start + WARM_UP_MS, false);
const cpuBefore = process.cpuUsage();
process.stdout.write(`${JSON.stringify({ measuring: true })}\n`);
const from = performance.now();
await play(from, from + Number(seconds) * 1000, true);
const cpu = process.cpuUsage(cpuBefore);
process.stdout.write(`${JSON.stringify({ measuring: false })}\n`);
const deadline = performance.now() + DRAIN_MS;
const isOver = () => underWay === 0 || performance.now() >= deadline;
while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 5));
const offered = Object.values(counts).reduce((sum, count) => sum + count, 0) + underWay;
console.log(
  JSON.stringify({
    perSecond: counts.good / Number(seconds),
    p50: quantile(latencies, 0.5),
    p95: quantile(latencies, 0.95),
    p99: quantile(latencies, 0.99),
    ...counts,
    offered,
    clientCpu: (cpu.user + cpu.system) / 1e6,
    count: latencies.length,
  }),
);
process.exit(0);
