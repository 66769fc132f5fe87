import { BlockList, isIP } from "node:net";

/**
 * What isn't the public internet, from IANA's special-purpose registries: this host, private and shared networks,
 * loopback, link-local (where clouds answer for a machine's metadata), documentation, benchmarks, multicast, reserved.
 */
const NOT_PUBLIC_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
];
/** Within 2000::/3, the only public part of IPv6: protocol assignments and Teredo, documentation, 6to4. */
const NOT_PUBLIC_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

const notPublic = new BlockList();
for (const range of NOT_PUBLIC_V4) addTo(notPublic, range, "ipv4");
for (const range of NOT_PUBLIC_V6) addTo(notPublic, range, "ipv6");
const globalUnicast = new BlockList();
addTo(globalUnicast, "2000::/3", "ipv6");

/** True for an IP address that belongs to the public internet. Addresses that carry an IPv4 one are judged by it. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !notPublic.check(address, "ipv4");
    case 6: {
      if (address.includes("%")) return false;
      const inner = embeddedV4(address);
      if (inner !== undefined) return isPublicAddress(inner);
      return globalUnicast.check(address, "ipv6") && !notPublic.check(address, "ipv6");
    }
    default:
      return false;
  }
}

/** The IPv4 address inside an IPv4-mapped (::ffff:0:0/96) or NAT64 (64:ff9b::/96) one. */
function embeddedV4(address: string): string | undefined {
  const groups = groupsOf(address);
  const head = groups.slice(0, 6).join(":");
  if (head !== "0:0:0:0:0:ffff" && head !== "64:ff9b:0:0:0:0") return undefined;
  const [high = "0", low = "0"] = groups.slice(6);
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
}

/** Eight hexadecimal groups without leading zeros; the URL parser writes every spelling in the same way. */
function groupsOf(address: string): string[] {
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [left = "", right] = canonical.split("::");
  const before = left === "" ? [] : left.split(":");
  const after = right === undefined || right === "" ? [] : right.split(":");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after];
}

function addTo(list: BlockList, range: string, family: "ipv4" | "ipv6"): void {
  const [network = "", prefix] = range.split("/");
  list.addSubnet(network, Number(prefix), family);
}
