// A real Kubernetes of one node on this machine, of programs built from Go modules and Debian packages: its processes
// have namespaces of their own (network, mounts, processes), so it meets no other cluster and leaves nothing behind.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { until } from "../processes.mjs";
import { ensureProgram } from "../programs.mjs";
import { makeGroup, removeGroup } from "./groups.mjs";
import { importProgram } from "./images.mjs";
import { freeSubnet, joinNetwork } from "./network.mjs";
import { COREDNS, applyNames, applyVolumes, areNamesReady } from "./objects.mjs";
import { requireNode } from "./requirements.mjs";
import { PAUSE, places, writeSettings } from "./settings.mjs";

const STARTED =
  "etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy".split(" ");
const PROGRAMS = [...STARTED, "containerd-shim-runc-v2", "ctr", "coredns"];
const NAMESPACES = ["--net", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"];

/**
 * Starts it and waits until the node is ready and names are answered. Throws with what is missing.
 * @param {{ folder?: string, signal?: AbortSignal }} [options] `folder`: for its state; a temporary one that `stop`
 *   removes if not given
 * @returns {Promise<{ kubeconfig: string, url: string, host: string, state: string, ctr: string, socket: string,
 *   pids: Record<string, number>, stop: () => Promise<void> }>} `host`: this machine's address for pods; `pids`: of its
 *   programs by name; `ctr` and `socket`: for images
 */
export async function startNode({ folder, signal } = {}) {
  requireNode();
  const programs = Object.fromEntries(PROGRAMS.map((name) => [name, ensureProgram(name)]));
  const state = folder ?? mkdtempSync(join(tmpdir(), "slipway-node-"));
  mkdirSync(state, { recursive: true });
  const subnet = freeSubnet();
  const group = `/slipway-test-${subnet.index}`;
  const bin = dirname(programs.containerd);
  writeSettings({ state, subnet, bin, group, nameservers: nameservers() });
  const inside = enter(state);
  const undo = [() => removeGroup(group), inside.stop];
  const stop = async () => {
    for (const one of undo.toReversed()) await one();
    if (folder === undefined) rmSync(state, { recursive: true, force: true });
  };
  try {
    makeGroup(group);
    const first = await inside.firstProcess();
    undo.push(joinNetwork(subnet, first));
    const { kubeconfig, url } = await inside.begin({ state, subnet, programs }, signal);
    const runtime = { ctr: programs.ctr, socket: places(state).socket };
    await importProgram(runtime, PAUSE, "/usr/bin/sleep", { args: ["infinity"] });
    await importProgram(runtime, COREDNS, programs.coredns);
    const api = { pki: places(state).pki, url };
    await applyVolumes(api, places(state).volumes);
    await applyNames(api, subnet);
    await until("names are answered", [inside], signal, () => areNamesReady(api));
    return { kubeconfig, url, host: subnet.host, state, ...runtime, pids: pidsBelow(first), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts the node's first process; it waits for what to begin. */
function enter(state) {
  const args = [...NAMESPACES, process.execPath, join(import.meta.dirname, "inside.mjs")];
  const child = spawn("unshare", args, { stdio: ["ignore", "pipe", "pipe", "ipc"], cwd: state });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => (said = (said + text).slice(-4000)));
  let ended;
  let first;
  const exit = new Promise((resolve) => {
    child.on("error", (error) => resolve((ended = error.message)));
    child.on("exit", (code, signal) => resolve((ended = `ended with ${code ?? signal}`)));
  });
  const problem = () => (ended === undefined ? undefined : `the node ${ended}:\n${said}`);
  return {
    problem,
    /** Its pid on this machine. */
    async firstProcess() {
      await until("the node's first process is there", [{ problem }], undefined, () => {
        first = childrenOf(child.pid)[0];
        return first !== undefined;
      });
      return first;
    },
    async begin(given, signal) {
      const told = new Promise((resolve) => child.once("message", resolve));
      child.send(given);
      const gaveUp = new Promise((resolve) => signal?.addEventListener("abort", resolve, { once: true }));
      const answer = await Promise.race([told, exit, gaveUp]);
      signal?.throwIfAborted();
      if (problem() !== undefined) throw new Error(problem());
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer;
    },
    /** The kernel ends all processes of the node with its first one, which is gone when the last of them is. */
    async stop() {
      if (first === undefined) child.kill("SIGKILL");
      else if (ended === undefined) process.kill(first, "SIGKILL");
      await exit;
    },
  };
}

/** Resolvers that answer pods too: one on loopback answers this machine alone. */
function nameservers() {
  const lines = readFileSync("/etc/resolv.conf", "utf8").split("\n");
  const named = lines.map((line) => /^nameserver\s+(\S+)/.exec(line)?.[1]).filter((it) => it !== undefined);
  return named.filter((address) => !address.startsWith("127.") && address !== "::1");
}

function childrenOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return text.trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Of what the node's first process started. */
function pidsBelow(first) {
  const named = childrenOf(first).map((pid) => [programOf(pid), pid]);
  return Object.fromEntries(named.filter(([name]) => STARTED.includes(name)));
}

function programOf(pid) {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0].split("/").at(-1);
}
