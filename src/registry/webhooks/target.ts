import { isIP, type LookupFunction } from "node:net";
import { SlipwayError } from "../../http/errors.ts";
import { invalid } from "../../tracking/wire/errors.ts";
import { isPublicAddress } from "./address.ts";
import type { WebhookSettings } from "./settings.ts";

/** Asks the machine's resolver; rejects when it doesn't know the name. */
export type Resolve = (host: string) => Promise<{ address: string; family: number }[]>;

export type TargetRules = Pick<WebhookSettings, "schemes" | "allowPrivate">;

const MAX_URL = 500;

/** The URL of a webhook as a client gives it: of an allowed scheme, without credentials. INVALID_PARAMETER_VALUE says why not. */
export function parseTarget(text: string, { schemes, allowPrivate }: TargetRules): URL {
  if (text.trim() === "") throw invalid(`Webhook URL cannot be empty or just whitespace: '${text}'`);
  if (text.length > MAX_URL) throw invalid(`The webhook's URL exceeds ${MAX_URL} characters.`);
  if (!URL.canParse(text)) throw invalid("Invalid webhook URL: it is not a URL.");
  const url = new URL(text);
  const scheme = url.protocol.slice(0, -1);
  if (!schemes.includes(scheme)) {
    throw invalid(`Invalid webhook URL scheme: '${scheme}'. Allowed schemes are: ${schemes.join(", ")}.`);
  }
  if (url.hostname === "") throw invalid("Webhook URL must include a hostname.");
  if (url.username !== "" || url.password !== "") {
    throw invalid("Webhook URL must not include embedded credentials.");
  }
  const address = literal(url);
  if (address !== undefined && !allowPrivate && !isPublicAddress(address)) {
    throw invalid("Webhook URL must not resolve to a non-public IP address.");
  }
  return url;
}

/**
 * Refuses a host that is known not to be public, when a webhook is made. A name that can't be resolved now passes:
 * every connection is checked anew.
 */
export async function checkTarget(url: URL, rules: TargetRules, resolve: Resolve): Promise<void> {
  if (rules.allowPrivate || literal(url) !== undefined) return;
  const found = await resolve(url.hostname).catch(() => []);
  if (found.every(({ address }) => isPublicAddress(address))) return;
  throw invalid("Webhook URL must not resolve to a non-public IP address.");
}

/**
 * A look-up for one connection: resolves once, refuses the host when any of its addresses isn't public, and hands
 * out the very addresses that were checked. There is no second look-up whose answer could differ.
 */
export function checkedLookup(rules: TargetRules, resolve: Resolve): LookupFunction {
  async function lookup(hostname: string, options: { all?: boolean }, callback: Found): Promise<void> {
    let found: Awaited<ReturnType<Resolve>>;
    try {
      found = await resolve(hostname);
    } catch (error) {
      return callback(error as Error);
    }
    const [first] = found;
    const refused = !rules.allowPrivate && !found.every(({ address }) => isPublicAddress(address));
    if (refused) callback(addressRefused());
    else if (!first) callback(new Error(`${hostname} has no address`));
    else if (options.all === true) callback(null, found);
    else callback(null, first.address, first.family);
  }
  // The installed typings know only one of the two ways in which Node calls it.
  return lookup as unknown as LookupFunction;
}

type Found = (error: Error | null, address?: string | object[], family?: number) => void;

export function addressRefused(): SlipwayError {
  return new SlipwayError(
    "WEBHOOK_ADDRESS_REFUSED",
    "the webhook's host is not on the public internet, so nothing was sent",
  );
}

/** The host when it is an address; the URL parser has written spellings such as 0x7f.1 in the usual way. */
export function literal(url: URL): string | undefined {
  const bare = url.hostname.replace(/^\[|\]$/g, "");
  return isIP(bare) === 0 ? undefined : bare;
}
