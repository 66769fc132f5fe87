// The load, as a process of its own: N keep-alive connections over raw sockets, each sends its next request when it
// has its answer. Answers are counted, not parsed, so that the client costs little beside the servers.
// Argument: a file with one job (see load.mjs). Prints JSON lines: measuring true, measuring false, the result.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { quantile } from "../lib/report.mjs";
import { AnswerReader } from "./answer-reader.mjs";

/** Ten digits in a request that every sending replaces by the next number. */
const COUNTER = "1999999999";
const CHUNK = Buffer.alloc(1024 * 1024, "slipway ");

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
let counter = job.counterFrom;
const latencies = [];
const failures = [];
let failed = 0;
let sent = 0;
let bytes = 0;
let measuring = false;
let done = false;

/** A request as bytes, and where its counters stand. */
function prepare({ method, path, body, bodyBytes }) {
  const length = bodyBytes ?? Buffer.byteLength(body ?? "");
  const head = [
    `${method} ${path} HTTP/1.1`,
    `host: 127.0.0.1:${job.port}`,
    ...(length > 0
      ? [
          `content-type: ${bodyBytes ? "application/octet-stream" : "application/json"}`,
          `content-length: ${length}`,
        ]
      : []),
  ];
  const wire = Buffer.from(`${head.join("\r\n")}\r\n\r\n${body ?? ""}`);
  const counters = [];
  for (let at = wire.indexOf(COUNTER); at >= 0; at = wire.indexOf(COUNTER, at + 10)) counters.push(at);
  return { wire, counters, bodyBytes: bodyBytes ?? 0, path };
}

function numbered({ wire, counters }) {
  if (counters.length === 0) return wire;
  const digits = Buffer.from(String(counter++));
  for (const at of counters) digits.copy(wire, at);
  return wire;
}

class Connection {
  #socket;
  #requests;
  #next = 0;
  #started = 0;
  #reader = new AnswerReader(job.kind === "pages");
  #finish;

  constructor(index) {
    this.#requests = job.streams[index % job.streams.length].map(prepare);
    this.ended = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#socket = connect(job.port, "127.0.0.1");
      this.#socket.setNoDelay(true);
      this.#socket.on("connect", () => this.#sendNext());
      this.#socket.on("error", reject);
      this.#socket.on("close", () => reject(new Error("the server closed the connection")));
      this.#socket.on("data", (chunk) => this.#receive(chunk));
    });
  }

  #sendNext() {
    const request = this.#requests[this.#next];
    this.#next = (this.#next + 1) % this.#requests.length;
    sent++;
    this.#started = performance.now();
    this.#send(request);
  }

  #send(request) {
    this.#socket.write(numbered(request));
    if (request.bodyBytes > 0) this.#stream(request.bodyBytes);
  }

  #stream(left) {
    while (left > 0) {
      const piece = left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
      left -= piece.length;
      if (!this.#socket.write(piece) && left > 0) {
        this.#socket.once("drain", () => this.#stream(left));
        return;
      }
    }
  }

  #receive(chunk) {
    bytes += chunk.length;
    const answer = this.#reader.read(chunk);
    if (answer === undefined) return;
    if (answer.status >= 300) {
      failed++;
      if (failures.length < 1) failures.push(`HTTP ${answer.status} ${answer.start}`);
    } else if (job.kind === "pages" && answer.nextPageToken) {
      const request = this.#requests[0];
      const [method] = request.wire.toString("latin1", 0, 8).split(" ");
      const body = JSON.stringify({ ...job.pages, page_token: answer.nextPageToken });
      return this.#send(prepare({ method, path: request.path, body }));
    }
    if (measuring) latencies.push(performance.now() - this.#started);
    if (!done && (job.maxRequests === undefined || sent < job.maxRequests)) return this.#sendNext();
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
    return this.#finish();
  }
}

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const limited = job.maxRequests !== undefined;
const connections = [];
if (!limited) {
  for (let index = 0; index < job.connections; index++) connections.push(new Connection(index));
  await Promise.race([
    new Promise((resolve) => setTimeout(resolve, job.warmSeconds * 1000)),
    Promise.all(connections.map(({ ended }) => ended)),
  ]);
}
say({ measuring: true });
const cpuBefore = process.cpuUsage();
const started = performance.now();
measuring = true;
if (limited) {
  for (let index = 0; index < job.connections; index++) connections.push(new Connection(index));
  await Promise.all(connections.map(({ ended }) => ended));
} else {
  // At least one answer, and at most the time that the job allows for a slow server.
  await new Promise((resolve) => setTimeout(resolve, job.seconds * 1000));
  const deadline = started + job.maxSeconds * 1000;
  while (latencies.length < job.connections && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
}
measuring = false;
done = true;
const elapsed = (performance.now() - started) / 1000;
const cpu = process.cpuUsage(cpuBefore);
say({ measuring: false });
const late = setTimeout(() => {}, job.maxSeconds * 1000);
await Promise.race([
  Promise.all(connections.map(({ ended }) => ended)),
  new Promise((resolve) => setTimeout(resolve, job.maxSeconds * 1000).unref()),
]);
clearTimeout(late);
const count = latencies.length;
say({
  perSecond: count / elapsed,
  p50: count === 0 ? null : quantile(latencies, 0.5),
  p95: count === 0 ? null : quantile(latencies, 0.95),
  count,
  failed,
  failure: failures[0] ?? null,
  bytes,
  counter,
  clientCpu: (cpu.user + cpu.system) / 1e6,
});
process.exit(0);
