// Settings of the programs of a node, as files in its state folder.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const NODE = "node1";
export const PAUSE = "slipway.local/pause:1";
const CNI = "/usr/lib/cni";

/** What a folder of state holds, by name. */
export function places(state) {
  const at = (...names) => join(state, ...names);
  return {
    pki: at("pki"),
    containerd: at("containerd.toml"),
    socket: at("containerd.sock"),
    kubelet: at("kubelet.json"),
    proxy: at("kube-proxy.json"),
    volumes: at("volumes"),
  };
}

/**
 * Writes all of them.
 * @param {{ state: string, subnet: import("./network.mjs").Subnet, bin: string, group: string,
 *   nameservers: string[] }} node `bin`: folder of containerd's own programs; `group`: control group of the pods
 */
export function writeSettings({ state, subnet, bin, group, nameservers }) {
  const { containerd, socket, kubelet, proxy, pki } = places(state);
  const write = (path, text) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  const resolver = join(state, "resolv.conf");
  write(resolver, nameservers.map((one) => `nameserver ${one}\n`).join("") || "search invalid\n");
  write(join(state, "cni", "10-test.conflist"), JSON.stringify(pods(state, subnet)));
  write(containerd, containerdSettings(state, socket, bin));
  write(kubelet, JSON.stringify(kubeletSettings({ state, pki, socket, subnet, group, resolver })));
  write(proxy, JSON.stringify(proxySettings(state, subnet)));
}

function pods(state, { pods: subnet }) {
  const bridge = {
    type: "bridge",
    bridge: "pods0",
    isGateway: true,
    // A pod that reaches itself by its Service's address.
    hairpinMode: true,
    ipam: {
      type: "host-local",
      dataDir: join(state, "addresses"),
      ranges: [[{ subnet }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  };
  const plugins = [bridge, { type: "portmap", capabilities: { portMappings: true } }];
  return { cniVersion: "1.0.0", name: "test", plugins };
}

function containerdSettings(state, socket, bin) {
  const quoted = JSON.stringify;
  return `version = 3
root = ${quoted(join(state, "containerd"))}
state = ${quoted(join(state, "run"))}
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = ${quoted(socket)}
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = ${quoted(PAUSE)}
[plugins."io.containerd.cri.v1.runtime"]
  # Not every root may ask to be spared when memory ends, and runc says no more than "EOF" then.
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = [${quoted(CNI)}]
    conf_dir = ${quoted(join(state, "cni"))}
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    # A system's own shim, of another version, may come first in PATH.
    runtime_path = ${quoted(join(bin, "containerd-shim-runc-v2"))}
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
`;
}

function kubeletSettings({ state, pki, socket, subnet, group, resolver }) {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: subnet.address,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(pki, "ca.crt") },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: join(pki, "kubelet.crt"),
    tlsPrivateKeyFile: join(pki, "kubelet.key"),
    containerRuntimeEndpoint: `unix://${socket}`,
    cgroupDriver: "cgroupfs",
    // Its own: a kubelet ends what it doesn't know below its group.
    cgroupRoot: group,
    failCgroupV1: false,
    failSwapOn: false,
    // As restrict_oom_score_adj of containerd.
    oomScoreAdj: 0,
    clusterDNS: [subnet.dns],
    clusterDomain: "cluster.local",
    resolvConf: resolver,
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
    // What was imported can't be pulled again.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    enforceNodeAllocatable: [],
    nodeStatusUpdateFrequency: "5s",
    syncFrequency: "10s",
    podLogsDir: join(state, "podlogs"),
    volumePluginDir: join(state, "volume-plugins"),
  };
}

function proxySettings(state, { pods: clusterCIDR }) {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "iptables",
    oomScoreAdj: 0,
    clusterCIDR,
    hostnameOverride: NODE,
    clientConnection: { kubeconfig: join(state, "kube-proxy.kubeconfig") },
    // The kernel's own numbers: they are the machine's, not the node's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    iptables: { minSyncPeriod: "0s", syncPeriod: "30s" },
    metricsBindAddress: "127.0.0.1:10249",
  };
}
