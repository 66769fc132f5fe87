import { isIPv4, isIPv6 } from "node:net";

/** Addresses of one family from `first` to `last`, both inside. */
interface Span {
  family: 4 | 6;
  first: bigint;
  last: bigint;
}

/** A set of addresses: spans that don't touch each other, in order. */
export type AddressSet = readonly Span[];

const NOTHING: AddressSet = [];

/** Addresses of `10.0.0.0/8`, `fd00::/8`, or of one address. Throws a RangeError on what is neither. */
export function addressesOf(cidr: string): AddressSet {
  const [address = "", length, ...more] = cidr.split("/");
  const family = isIPv4(address) ? 4 : isIPv6(address) ? 6 : undefined;
  const bits = family === 4 ? 32 : 128;
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (family === undefined || more.length > 0 || !(prefix >= 0 && prefix <= bits))
    throw new RangeError(`${cidr} is no address range such as 10.0.0.0/8`);
  const free = BigInt(bits - prefix);
  const first = (numberOf(address, family) >> free) << free;
  return [{ family, first, last: first + (1n << free) - 1n }];
}

/** The addresses of both. */
export function union(...sets: readonly AddressSet[]): AddressSet {
  const spans = sets
    .flat()
    .sort((a, b) => a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const joined: Span[] = [];
  for (const span of spans) {
    const before = joined.at(-1);
    if (before === undefined || before.family !== span.family || before.last + 1n < span.first)
      joined.push({ ...span });
    else if (before.last < span.last) before.last = span.last;
  }
  return joined;
}

/** The addresses of `set` that aren't in `without`. */
export function minus(set: AddressSet, without: AddressSet): AddressSet {
  let left = union(set);
  for (const hole of union(without)) left = left.flatMap((span) => cut(span, hole));
  return left;
}

export function overlaps(a: AddressSet, b: AddressSet): boolean {
  return a.some((x) => b.some((y) => x.family === y.family && x.first <= y.last && y.first <= x.last));
}

/** Whether every address of `inner` is in `outer`. */
export function covers(outer: AddressSet, inner: AddressSet): boolean {
  return minus(inner, outer).length === 0;
}

/** The addresses of an ipBlock. One that isn't valid allows nothing: the API would refuse it. */
export function addressesOfBlock(block: { cidr: string; except?: readonly string[] }): AddressSet {
  try {
    return minus(addressesOf(block.cidr), union(...(block.except ?? []).map(addressesOf)));
  } catch {
    return NOTHING;
  }
}

function cut(span: Span, hole: Span): Span[] {
  if (hole.family !== span.family || hole.last < span.first || span.last < hole.first) return [span];
  const left: Span[] = [];
  if (span.first < hole.first) left.push({ ...span, last: hole.first - 1n });
  if (hole.last < span.last) left.push({ ...span, first: hole.last + 1n });
  return left;
}

function numberOf(address: string, family: 4 | 6): bigint {
  if (family === 4) return address.split(".").reduce((sum, part) => (sum << 8n) + BigInt(part), 0n);
  const [head = "", tail] = withoutEmbedded(address).split("::");
  const front = groups(head);
  const back = groups(tail ?? "");
  const zeros = tail === undefined ? [] : Array<bigint>(8 - front.length - back.length).fill(0n);
  return [...front, ...zeros, ...back].reduce((sum, group) => (sum << 16n) + group, 0n);
}

/** `::ffff:10.0.0.1` with its last four bytes as two groups. */
function withoutEmbedded(address: string): string {
  const [plain = ""] = address.split("%");
  const at = plain.lastIndexOf(":") + 1;
  const last = plain.slice(at);
  if (!isIPv4(last)) return plain;
  const number = numberOf(last, 4);
  return `${plain.slice(0, at)}${(number >> 16n).toString(16)}:${(number & 0xffffn).toString(16)}`;
}

function groups(text: string): bigint[] {
  return text === "" ? [] : text.split(":").map((group) => BigInt(`0x${group}`));
}
