// First process of a node: it is in namespaces of its own (network, mounts, processes), which all end with it. Starts
// the control plane and what runs pods, tells its parent when all of it is there, and then waits for its end.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { startControlPlane } from "../control-plane.mjs";
import { ask, flags, launch, until, writeKubeconfig } from "../processes.mjs";
import { enterNetwork } from "./network.mjs";
import { SYSTEM_PATH } from "./requirements.mjs";
import { NODE, places } from "./settings.mjs";

process.once("message", (given) => {
  begin(given).then(
    (told) => process.send(told),
    (error) => process.send({ error: error.message }),
  );
});
// Whoever started this is gone: so is this, and with it every process of the node.
process.on("disconnect", () => process.exit(0));

/** `programs`: paths by name. */
async function begin({ state, subnet, programs }) {
  // What programs keep in fixed places: sockets, locks and network namespaces; links to logs.
  for (const folder of ["/run", "/var/log"]) mount(folder);
  enterNetwork(subnet);
  const plane = await startControlPlane({ folder: state, place: placeOf(subnet) });
  const api = { pki: places(state).pki, url: plane.url };
  const processes = [];
  const env = { ...process.env, PATH: SYSTEM_PATH, CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS: "1" };
  const start = (name, args) => processes.push(launch(name, programs[name], args, state, env));
  const config = (name) => writeKubeconfig(join(state, `${name}.kubeconfig`), api.pki, name, plane.url);
  start("kube-scheduler", scheduler(config("kube-scheduler")));
  const { containerd, socket, kubelet, proxy } = places(state);
  config("kube-proxy");
  start("containerd", ["--config", containerd]);
  const answers = () => spawnSync(programs.ctr, ["--address", socket, "version"], { env }).status === 0;
  await until("containerd answers", processes, undefined, answers);
  start("kubelet", [
    ...flags({ config: kubelet, kubeconfig: config("kubelet"), "hostname-override": NODE }),
    ...flags({
      "node-ip": subnet.address,
      "root-dir": join(state, "kubelet"),
      "cert-dir": join(state, "pki"),
    }),
  ]);
  start("kube-proxy", ["--config", proxy]);
  await until("the node is ready", processes, undefined, async () => {
    const { body } = (await ask(api, `/api/v1/nodes/${NODE}`)) ?? {};
    return (
      body?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true
    );
  });
  return { kubeconfig: plane.kubeconfig, url: plane.url };
}

function placeOf({ address, services, serviceAddress, pods }) {
  return { address, services, serviceAddress, pods, node: NODE };
}

function scheduler(kubeconfig) {
  return flags({
    kubeconfig,
    "authentication-kubeconfig": kubeconfig,
    "authorization-kubeconfig": kubeconfig,
    "bind-address": "127.0.0.1",
    "leader-elect": false,
    profiling: false,
  });
}

/** An empty folder in place of the machine's, for this node alone. */
function mount(folder) {
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "tmpfs", folder], { encoding: "utf8" });
  if (status !== 0) throw new Error(`\`mount ${folder}\` failed: ${stderr.trim()}`);
}
