import net from "node:net";
import { isIPv6 } from "node:net";
import { lookup } from "node:dns/promises";
import { SlipwayError } from "../../../http/errors.ts";

/** A bound socket, as Node hands it between processes. */
export interface BoundAddress {
  handle: unknown;
  port: number;
  close(): void;
}

interface TcpHandle {
  getsockname(out: { port?: number }): number;
  close(): void;
}

/** What Node's own cluster module binds a socket with that another process will listen on; not in its typings. */
type CreateServerHandle = (address: string, port: number, family: 4 | 6) => TcpHandle | number;

/**
 * Binds the public address without listening on it: serve listens, and while serve is being started again
 * the socket lives on here, so that new connections wait in its queue instead of being refused.
 * @param option that named the port, for messages
 */
export async function bindPublicAddress(
  host: string,
  port: number,
  option = "--port",
): Promise<BoundAddress> {
  const address = await resolve(host);
  const create = (net as unknown as { _createServerHandle: CreateServerHandle })._createServerHandle;
  const handle = create(address, port, isIPv6(address) ? 6 : 4);
  if (typeof handle === "number") throw bindError(handle, host, port, option);
  const name: { port?: number } = {};
  const code = handle.getsockname(name);
  if (code !== 0 || name.port === undefined) {
    handle.close();
    throw bindError(code, host, port, option);
  }
  return { handle, port: name.port, close: () => handle.close() };
}

async function resolve(host: string): Promise<string> {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (net.isIP(bare) !== 0) return bare;
  try {
    return (await lookup(bare)).address;
  } catch (cause) {
    throw new SlipwayError("ADDRESS_UNUSABLE", `no address is known for ${host}`, {
      where: "--host",
      given: host,
      cause,
    });
  }
}

/** Codes are libuv's: negative errno, which differ between systems. */
function bindError(code: number, host: string, port: number, option: string): SlipwayError {
  const name = ERRNO.get(code) ?? `error ${code}`;
  if (name === "EADDRINUSE")
    return new SlipwayError("PORT_IN_USE", `port ${port} is in use by another program`, {
      where: option,
      given: String(port),
    });
  const why =
    name === "EACCES"
      ? `port ${port} may not be opened by this user`
      : `${host} can't be listened on (${name})`;
  return new SlipwayError("ADDRESS_UNUSABLE", why, {
    where: name === "EACCES" ? option : "--host",
    given: host,
  });
}

const ERRNO = new Map([
  [-98, "EADDRINUSE"],
  [-48, "EADDRINUSE"],
  [-13, "EACCES"],
  [-99, "EADDRNOTAVAIL"],
  [-49, "EADDRNOTAVAIL"],
]);
