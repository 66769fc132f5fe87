import { isDigestOf } from "../../http/credentials.ts";

const WORD = "SLIPWAY-TUNNEL";
/** Of the whole line. */
export const MAX_TUNNEL_LINE = 512;

/**
 * First line of a connection that another process of the platform hands on, before the PROXY line and the caller's bytes:
 * `SLIPWAY-TUNNEL <token> <hops>`. Without it nothing is believed of what a connection says about its caller.
 *
 * @param hops control processes that it has gone through
 */
export function tunnelLine(token: string, hops: number): string {
  return `${WORD} ${token} ${hops}\r\n`;
}

export interface Tunnelled {
  hops: number;
  /** Of the line, in bytes. */
  length: number;
}

/** undefined: it is no such line. "refused": it is, and its token is wrong. */
export function readTunnelLine(start: Buffer, tokenSha256: string): Tunnelled | "refused" | undefined {
  const end = start.subarray(0, MAX_TUNNEL_LINE).indexOf("\r\n");
  const [word, token, hops, ...rest] = start.toString("latin1", 0, Math.max(end, 0)).split(" ");
  if (word !== WORD) return undefined;
  const isRight = token !== undefined && isDigestOf(token, tokenSha256);
  if (!isRight || hops === undefined || !/^\d$/.test(hops) || rest.length > 0) return "refused";
  return { hops: Number(hops), length: end + 2 };
}
