import { SlipwayError } from "./errors.ts";

/**
 * Refuses a request with several Host headers (RFC 9112, 3.2), of which Node keeps the first: somebody on the way may
 * have gone by another one.
 * @param rawHeaders names and values in turn, as Node gives them
 */
export function hostsError(rawHeaders: readonly string[]): SlipwayError | null {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.length === 4 && rawHeaders[i]?.toLowerCase() === "host") hosts += 1;
  return hosts < 2 ? null : new SlipwayError("HTTP_MALFORMED", `the request has ${hosts} Host headers`);
}
