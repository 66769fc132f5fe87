// One HTTP/1.1 connection that sends one request after the other, by raw socket: what a hop costs is a few tens
// of microseconds, and node's own client would hide it.
import { connect } from "node:net";

/** Connects to `{port}` or `{path}` of a Unix socket; `send(request)` resolves with status and milliseconds. */
export async function openConnection(target) {
  const socket = connect(target);
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  socket.setNoDelay(true);
  let pending = Buffer.alloc(0);
  let waiting;
  const fail = (error) => waiting?.reject(error ?? new Error("the connection was closed"));
  socket.on("error", fail);
  socket.on("close", () => fail());
  socket.on("data", (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const end = pending.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(pending.toString("latin1", 0, end))?.[1] ?? 0);
    if (pending.length < end + 4 + length) return;
    const status = Number(pending.toString("latin1", 9, 12));
    pending = Buffer.alloc(0);
    waiting.resolve({ status, ms: performance.now() - waiting.since });
  });
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject, since: performance.now() };
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

/** The bytes of a request; a body makes it a POST. */
export function requestBytes(path, body) {
  const head = `${body === undefined ? "GET" : "POST"} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n`;
  if (body === undefined) return Buffer.from(`${head}\r\n`);
  const type = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.from(head + type + body);
}
