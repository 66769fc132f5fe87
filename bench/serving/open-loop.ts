// An open-loop HTTP load of one POST, as a process of its own: what `slipway load` does, as numbers for the benchmark.
// Arguments: port path bodyFile rate seconds. Prints one JSON line, and before it when it measures.
import { readFileSync } from "node:fs";
import { quantile } from "../../src/load/numbers.ts";
import { openLoop } from "../../src/load/open-loop.ts";

/** More requests than this are never under way; one that is due beyond it is counted as dropped. */
const CONNECTIONS = 256;

const [port = "", path = "", bodyFile = "", rate = "", seconds = ""] = process.argv.slice(2);
const body = readFileSync(bodyFile, "latin1");
const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
const say = (what: unknown) => void process.stdout.write(`${JSON.stringify(what)}\n`);

const { due, statuses, failures, dropped, latencies, cpuSeconds } = await openLoop({
  target: { host: "127.0.0.1", port: Number(port), isTls: false },
  request: Buffer.from(head + body, "latin1"),
  rate: Number(rate),
  arrivals: "even",
  seconds: Number(seconds),
  warmUpSeconds: 1,
  connections: CONNECTIONS,
  maxWaiting: 0,
  timeoutMs: 5_000,
  random: Math.random,
  onMeasuring: (measuring) => say({ measuring }),
});
const sum = (counts: Iterable<number>) => [...counts].reduce((all, count) => all + count, 0);
const refused = statuses.get(503) ?? 0;
say({
  perSecond: latencies.length / Number(seconds),
  p50: quantile(latencies, 0.5),
  p95: quantile(latencies, 0.95),
  p99: quantile(latencies, 0.99),
  good: latencies.length,
  refused,
  failed: sum(statuses.values()) - latencies.length - refused + sum(failures.values()),
  dropped,
  offered: due,
  clientCpu: cpuSeconds,
  count: latencies.length,
});
process.exit(0);
