// A real Kubernetes API without a node: etcd, kube-apiserver and kube-controller-manager on loopback, on free ports,
// as children of whoever starts it, with all state in one folder. Needs no root, no bridge, no images.
// For tests only: etcd doesn't flush, and one authority signs everything.
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificates } from "./certificates.mjs";
import { freePorts } from "./ports.mjs";
import { ensureProgram } from "./programs.mjs";

const SERVICES = "10.96.0.0/16";
const SERVICE_ADDRESS = "10.96.0.1";
const READY_MS = 120_000;
const STOP_MS = 10_000;
const POLL_MS = 100;

/**
 * Starts it and waits until it answers, its controllers work and `default` has its service account.
 * @param {{ folder?: string, signal?: AbortSignal }} [options] `folder`: for its state; a temporary one that `stop`
 *   removes if not given. `signal`: gives the start up.
 * @returns {Promise<{ kubeconfig: string, url: string, pids: number[], state: string, stop: () => Promise<void> }>}
 *   `state`: holds pki/ and `cluster.sock`, where the API server looks for a proxy (HTTP CONNECT) to Services in the
 *   cluster: who listens there answers webhooks.
 */
export async function startControlPlane({ folder, signal } = {}) {
  const programs = { etcd: "", "kube-apiserver": "", "kube-controller-manager": "" };
  for (const name of Object.keys(programs)) programs[name] = ensureProgram(name);
  const state = folder ?? mkdtempSync(join(tmpdir(), "slipway-cluster-"));
  mkdirSync(state, { recursive: true });
  const pki = join(state, "pki");
  makeCertificates(pki, SERVICE_ADDRESS);
  const [client, peer, secure, manager] = await freePorts(4);
  const url = `https://127.0.0.1:${secure}`;
  const kubeconfig = writeKubeconfig(join(state, "kubeconfig"), pki, "admin", url);
  const managers = writeKubeconfig(join(state, "manager.kubeconfig"), pki, "kube-controller-manager", url);
  const processes = [];
  const start = (name, args) => processes.push(launch(name, programs[name], args, state));
  const stop = async () => {
    for (const one of processes.toReversed()) await one.stop();
    if (folder === undefined) rmSync(state, { recursive: true, force: true });
  };
  try {
    start("etcd", etcd(state, pki, client, peer));
    start("kube-apiserver", apiServer(state, pki, client, secure));
    await until("/readyz answers", processes, signal, () => get(pki, url, "/readyz"));
    start("kube-controller-manager", controllerManager(pki, managers, manager));
    const account = "/api/v1/namespaces/default/serviceaccounts/default";
    await until("the controllers work", processes, signal, () => get(pki, url, account));
  } catch (error) {
    await stop();
    throw error;
  }
  return { kubeconfig, url, pids: processes.map((one) => one.pid), state, stop };
}

function etcd(state, pki, client, peer) {
  const [clients, peers] = [`https://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  return flags({
    name: "test",
    "data-dir": join(state, "etcd"),
    "log-level": "warn",
    "unsafe-no-fsync": true,
    "listen-client-urls": clients,
    "advertise-client-urls": clients,
    "listen-peer-urls": peers,
    "initial-advertise-peer-urls": peers,
    "initial-cluster": `test=${peers}`,
    "cert-file": join(pki, "etcd.crt"),
    "key-file": join(pki, "etcd.key"),
    "client-cert-auth": true,
    "trusted-ca-file": join(pki, "ca.crt"),
  });
}

function apiServer(state, pki, client, port) {
  const egress = join(state, "egress.json");
  writeFileSync(egress, JSON.stringify(egressTo(join(state, "cluster.sock"))));
  return flags({
    "egress-selector-config-file": egress,
    "etcd-servers": `https://127.0.0.1:${client}`,
    "etcd-cafile": join(pki, "ca.crt"),
    "etcd-certfile": join(pki, "admin.crt"),
    "etcd-keyfile": join(pki, "admin.key"),
    "bind-address": "127.0.0.1",
    "advertise-address": "127.0.0.1",
    "secure-port": port,
    // Loopback can't be an endpoint of the Service `kubernetes`.
    "endpoint-reconciler-type": "none",
    "service-cluster-ip-range": SERVICES,
    "tls-cert-file": join(pki, "apiserver.crt"),
    "tls-private-key-file": join(pki, "apiserver.key"),
    "client-ca-file": join(pki, "ca.crt"),
    "authorization-mode": "RBAC",
    "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
    "service-account-key-file": join(pki, "accounts.pub"),
    "service-account-signing-key-file": join(pki, "accounts.key"),
    "allow-privileged": true,
    profiling: false,
  });
}

/** No Service's address leads anywhere here. */
function egressTo(udsName) {
  const connection = { proxyProtocol: "HTTPConnect", transport: { uds: { udsName } } };
  const egressSelections = [{ name: "cluster", connection }];
  return { apiVersion: "apiserver.k8s.io/v1beta1", kind: "EgressSelectorConfiguration", egressSelections };
}

function controllerManager(pki, kubeconfig, port) {
  return flags({
    kubeconfig,
    "authentication-kubeconfig": kubeconfig,
    "authorization-kubeconfig": kubeconfig,
    "bind-address": "127.0.0.1",
    "secure-port": port,
    "leader-elect": false,
    "use-service-account-credentials": true,
    "service-account-private-key-file": join(pki, "accounts.key"),
    "root-ca-file": join(pki, "ca.crt"),
    profiling: false,
  });
}

function flags(values) {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}

/** A child with its log in the state folder, ended by its own pid. */
function launch(name, program, args, state) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], cwd: state });
  const log = createWriteStream(join(state, `${name}.log`));
  let last = "";
  let ended;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => {
      log.write(text);
      last = (last + text).slice(-2000);
    });
  const exit = new Promise((resolve) => {
    child.on("error", (error) => resolve((ended = error.message)));
    child.on("exit", (code, signal) => resolve((ended = `ended with ${code ?? signal}`)));
  });
  const stop = async () => {
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await exit;
    clearTimeout(force);
    log.end();
  };
  const problem = () => (ended === undefined ? undefined : `${name} ${ended}:\n${last}`);
  return { name, pid: child.pid, stop, problem };
}

async function until(what, processes, signal, isTrue) {
  const end = Date.now() + READY_MS;
  while (!(await isTrue())) {
    signal?.throwIfAborted();
    const problem = processes.map((one) => one.problem()).find((it) => it !== undefined);
    if (problem !== undefined) throw new Error(problem);
    if (Date.now() > end)
      throw new Error(`the test control plane: not so within ${READY_MS / 1000} s: ${what}`);
    await sleep(POLL_MS);
  }
}

/** Whether the API answers 200 to it. */
function get(pki, url, path) {
  const [ca, cert, key] = ["ca.crt", "admin.crt", "admin.key"].map((name) => readFileSync(join(pki, name)));
  return new Promise((resolve) => {
    const call = request(`${url}${path}`, { ca, cert, key, agent: false, timeout: 5000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    call.on("timeout", () => call.destroy());
    call.on("error", () => resolve(false));
    call.end();
  });
}

/** JSON, which is YAML too; certificates inside, so that the file stands on its own. */
function writeKubeconfig(path, pki, who, server) {
  const data = (name) => readFileSync(join(pki, name)).toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "slipway-test",
    clusters: [{ name: "slipway-test", cluster: { server, "certificate-authority-data": data("ca.crt") } }],
    users: [
      {
        name: who,
        user: { "client-certificate-data": data(`${who}.crt`), "client-key-data": data(`${who}.key`) },
      },
    ],
    contexts: [{ name: "slipway-test", context: { cluster: "slipway-test", user: who } }],
  };
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return path;
}
