import type { IncomingMessage } from "node:http";

/** Where a connection comes from, as the process that owns the public address said it. */
const addresses = new WeakMap<object, string>();

/** Notes the address of whoever is behind a connection that came by a local socket. */
export function noteAddress(socket: object, address: string): void {
  addresses.set(socket, address);
}

/** The caller's address; null when nobody knows it. */
export function addressOf(request: { raw: IncomingMessage }): string | null {
  const { socket } = request.raw;
  return addresses.get(socket) ?? socket.remoteAddress ?? null;
}
