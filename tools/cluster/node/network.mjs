// The node has a network of its own, so that it meets no other cluster of this machine, joined to the machine's by one
// link. Every address is out of one range that nothing here leads to yet.
import { spawnSync } from "node:child_process";
import { networkInterfaces } from "node:os";
import { SYSTEM_PATH } from "./requirements.mjs";

/** Second numbers of 10.N.0.0/16. */
const RANGES = { from: 208, to: 239 };

/**
 * @typedef {{ index: number, range: string, host: string, address: string, pods: string, services: string,
 *   serviceAddress: string, dns: string, hostLink: string, nodeLink: string }} Subnet `host`: this machine's address on
 *   the link, where pods reach its processes; `address`: the node's
 * @returns {Subnet} the first free range
 */
export function freeSubnet() {
  const routes = run("ip", ["-4", "route"]);
  const own = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
  for (let index = RANGES.from; index <= RANGES.to; index++) {
    const prefix = `10.${index}.`;
    if (!routes.includes(prefix) && !own.some((address) => address.startsWith(prefix))) return subnet(index);
  }
  throw new Error(`no free range of addresses among 10.${RANGES.from}.0.0/16 to 10.${RANGES.to}.0.0/16`);
}

function subnet(index) {
  const at = (rest) => `10.${index}.${rest}`;
  return {
    index,
    range: at("0.0/16"),
    host: at("0.1"),
    address: at("0.2"),
    pods: at("16.0/20"),
    services: at("32.0/20"),
    serviceAddress: at("32.1"),
    dns: at("32.10"),
    hostLink: `slipway${index}`,
    nodeLink: "node0",
  };
}

/**
 * Joins the network of a process to this machine's, and lets its pods reach what the machine reaches; answers what
 * undoes it.
 * @param {Subnet} subnet
 * @param {number} pid of the process that is in the node's network
 */
export function joinNetwork(subnet, pid) {
  const { range, host, address, hostLink, nodeLink } = subnet;
  const comment = ["-m", "comment", "--comment", hostLink];
  const rules = [
    ["nat", "POSTROUTING", ["-s", range, "!", "-d", range, ...comment, "-j", "MASQUERADE"]],
    ["filter", "FORWARD", ["-i", hostLink, ...comment, "-j", "ACCEPT"]],
    ["filter", "FORWARD", ["-o", hostLink, ...comment, "-j", "ACCEPT"]],
  ];
  const without = ([table, chain, rule]) => ["iptables", ["-w", "-t", table, "-D", chain, ...rule]];
  // A link ends with the node; rules of one that was killed with its parent are still there.
  leave(rules.map(without));
  run("ip", ["link", "add", hostLink, "type", "veth", "peer", "name", nodeLink, "netns", String(pid)]);
  const undo = [["ip", ["link", "del", hostLink]]];
  try {
    run("ip", ["addr", "add", `${host}/24`, "dev", hostLink]);
    run("ip", ["link", "set", hostLink, "up"]);
    run("ip", ["route", "add", range, "via", address, "dev", hostLink]);
    run("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
    for (const one of rules) {
      const [table, chain, rule] = one;
      run("iptables", ["-w", "-t", table, "-I", chain, ...rule]);
      undo.unshift(without(one));
    }
  } catch (error) {
    leave(undo);
    throw error;
  }
  return () => leave(undo);
}

/** The other side, in the node: its address, and the way out. */
export function enterNetwork({ address, host, nodeLink }) {
  run("ip", ["link", "set", "lo", "up"]);
  run("ip", ["addr", "add", `${address}/24`, "dev", nodeLink]);
  run("ip", ["link", "set", nodeLink, "up"]);
  run("ip", ["route", "add", "default", "via", host]);
  run("sysctl", ["-qw", "net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1"]);
}

/** What is gone already, as a link whose other end has ended, needs no undoing. */
function leave(undo) {
  for (const [program, args] of undo) spawnSync(program, args, { env: environment() });
}

function run(program, args) {
  const { error, status, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    env: environment(),
  });
  if (!error && status === 0) return stdout;
  throw new Error(`\`${program} ${args.join(" ")}\` failed: ${(error?.message ?? stderr).trim()}`);
}

function environment() {
  return { ...process.env, PATH: SYSTEM_PATH };
}
