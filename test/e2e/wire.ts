import { once } from "node:events";
import { connect } from "node:net";

export interface Heard {
  /** Everything that came, as Latin-1. */
  text: string;
  /** Status of each answer, in order, without 1xx. */
  statuses: number[];
  /** The other side ended the connection. */
  closed: boolean;
}

/**
 * Writes the parts to the platform's port one after the other, each in a packet of its own, and listens until
 * `answers` answers are there, the other side ends the connection, or the time is over.
 */
export async function wire(
  url: string,
  parts: readonly (string | Uint8Array)[],
  { answers = 1, withinMs = 5_000, end = false } = {},
): Promise<Heard> {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port), noDelay: true });
  const heard: Heard = { text: "", statuses: [], closed: false };
  const done = new Promise<void>((settle) => {
    const timer = setTimeout(settle, withinMs);
    const stop = () => {
      clearTimeout(timer);
      settle();
    };
    socket.on("data", (chunk: Buffer) => {
      heard.text += chunk.toString("latin1");
      heard.statuses = [...heard.text.matchAll(/HTTP\/1\.[01] ([2-5]\d\d)/g)].map((found) =>
        Number(found[1]),
      );
      if (heard.statuses.length >= answers) stop();
    });
    socket.on("error", () => undefined);
    socket.on("end", () => {
      heard.closed = true;
      stop();
    });
    socket.on("close", () => {
      heard.closed = true;
      stop();
    });
  });
  await once(socket, "connect");
  for (const part of parts) {
    if (socket.destroyed || socket.writableEnded) break;
    // Whoever refuses early may stop reading.
    await Promise.race([done, new Promise<void>((settle) => socket.write(part, () => settle()))]);
    // The kernel may join packets; a turn of the other side's event loop in between makes that rare.
    if (parts.length > 1) await new Promise((settle) => setImmediate(settle));
  }
  if (end) socket.end();
  await done;
  socket.destroy();
  return heard;
}

/** One request as text; `host` and a length for the body come by themselves. */
export function request(line: string, headers: Record<string, string> = {}, body?: string): string {
  const all: Record<string, string> = { host: "127.0.0.1", ...headers };
  const names = new Set(Object.keys(all).map((name) => name.toLowerCase()));
  if (body !== undefined && !names.has("content-length") && !names.has("transfer-encoding"))
    all["content-length"] = String(Buffer.byteLength(body));
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line}\r\n${head.join("")}\r\n${body ?? ""}`;
}
