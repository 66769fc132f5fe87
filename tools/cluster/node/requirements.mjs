// What a node takes from this machine: Linux, root, and programs that belong to a system rather than to a clone.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** A program, or a file, by the Debian package that has it. */
const NEEDED = {
  runc: ["runc"],
  "containernetworking-plugins": ["/usr/lib/cni/bridge", "/usr/lib/cni/host-local", "/usr/lib/cni/portmap"],
  iptables: ["iptables"],
  conntrack: ["conntrack"],
  iproute2: ["ip"],
  procps: ["sysctl"],
  "util-linux": ["unshare", "mount"],
  openssl: ["openssl"],
};
const PATH = [process.env.PATH ?? "", "/usr/sbin", "/sbin"].join(delimiter);

/** Throws with everything that is missing, and what brings it. */
export function requireNode() {
  if (process.platform !== "linux")
    throw new Error(
      "a Kubernetes node runs on Linux; name a cluster of yours in SLIPWAY_TEST_KUBECONFIG " +
        "(kind, k3d, a cloud's), or test the API alone: npm run test:cluster -- --api",
    );
  const missing = Object.keys(NEEDED).filter((name) => !NEEDED[name].every(isThere));
  const problems = [
    ...(process.getuid?.() === 0 ? [] : ["root (a node makes network links, mounts and control groups)"]),
    ...(missing.length === 0
      ? []
      : [`Debian packages: apt-get install -y --no-install-recommends ${missing.join(" ")}`]),
    ...(existsSync("/sys/fs/cgroup") ? [] : ["control groups at /sys/fs/cgroup"]),
  ];
  if (problems.length === 0) return;
  throw new Error(
    `${problems.join("; ")}. Or name a cluster of yours in SLIPWAY_TEST_KUBECONFIG, ` +
      "or test the API alone: npm run test:cluster -- --api",
  );
}

/** For programs that call others: Debian's own lie outside of many a PATH. */
export const SYSTEM_PATH = PATH;

function isThere(name) {
  if (name.startsWith("/")) return existsSync(name);
  return PATH.split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, name)));
}
