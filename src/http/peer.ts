import type { IncomingMessage, Server } from "node:http";
import { isIP, type Socket } from "node:net";
import { joinBuffers } from "../base/bytes.ts";

/** By which the process at the public address names the caller of one request that it hands on. */
export const PEER_HEADER = "x-slipway-peer";

const PREFIX = "PROXY ";
/** Of a line, as the protocol has it. */
const MAX_LINE = 107;

/** By socket: who is behind a connection that was handed on as bytes. */
const peers = new WeakMap<object, string>();

/** What goes before a connection's bytes when it is handed on: the PROXY protocol's first version (HAProxy). */
export function proxyLine({ remoteAddress, localAddress, remotePort, localPort }: Socket): string {
  const [from, to] = [plain(remoteAddress), plain(localAddress)];
  if (from === "" || isIP(from) !== isIP(to)) return `${PREFIX}UNKNOWN\r\n`;
  return `${PREFIX}TCP${isIP(from)} ${from} ${to} ${remotePort ?? 0} ${localPort ?? 0}\r\n`;
}

/**
 * Lets a server on a local socket take connections with such a line, and without. Only the process at the public
 * address can reach that socket; a line that a caller sends comes behind the real one and is no HTTP.
 */
export function acceptProxied(server: Server): void {
  const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    let held: Buffer | undefined;
    const onData = (chunk: Buffer): void => {
      held = held === undefined ? chunk : joinBuffers([held, chunk]);
      const length = lineLength(held);
      if (length === undefined) return;
      socket.off("data", onData);
      socket.off("error", onError);
      socket.off("end", onError);
      socket.pause();
      if (length > 0) notePeer(socket, held.toString("latin1", 0, length));
      if (length < held.length) socket.unshift(held.subarray(length) as unknown as Uint8Array);
      for (const listener of listeners) listener.call(server, socket);
      socket.resume();
    };
    const onError = (): void => void socket.destroy();
    socket.on("data", onData);
    socket.on("error", onError);
    // It came and went without a word; a server of HTTP leaves its own half open.
    socket.on("end", onError);
  });
}

/** The caller's address; null when nobody knows it. */
export function addressOf({ raw: { socket, headers } }: { raw: IncomingMessage }): string | null {
  const proxied = peers.get(socket);
  if (proxied !== undefined) return proxied === "" ? null : proxied;
  // A local socket without a line: the process at the public address, which names the caller in a header of its own.
  const named = headers[PEER_HEADER];
  const address = socket.remoteAddress ?? (typeof named === "string" ? named : undefined);
  return isIP(plain(address)) === 0 ? null : plain(address);
}

/** Of the line with its end; 0: there is none; undefined: more bytes are needed. */
function lineLength(held: Buffer): number | undefined {
  const start = held.toString("latin1", 0, PREFIX.length);
  if (!PREFIX.startsWith(start)) return 0;
  const end = held.subarray(0, MAX_LINE).indexOf("\r\n");
  if (end !== -1) return end + 2;
  return held.length < MAX_LINE ? undefined : 0;
}

function notePeer(socket: Socket, line: string): void {
  const address = /^PROXY TCP[46] (\S+) /.exec(line)?.[1] ?? "";
  peers.set(socket, isIP(address) === 0 ? "" : address);
}

/** IPv4 in IPv6's clothes as what it is; "" for none. */
function plain(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/i, "") ?? "";
}
