// A real Kubernetes API: etcd, kube-apiserver and kube-controller-manager on free ports, as children of whoever starts
// it, with all state in one folder; on loopback without a node, which needs no root, no bridge, no images.
// For tests only: etcd doesn't flush, and one authority signs everything.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "./certificates.mjs";
import { freePorts } from "./ports.mjs";
import { ask, flags, launch, until, writeKubeconfig } from "./processes.mjs";
import { ensureProgram } from "./programs.mjs";

/** What programs in pods asked for, and what became of it: a right that is missing shows nowhere else for sure. */
const AUDIT = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    { level: "None", userGroups: ["system:serviceaccounts:kube-system"] },
    { level: "Metadata", userGroups: ["system:serviceaccounts"] },
    { level: "None" },
  ],
};

/** Where nothing is that has an address. */
const WITHOUT_NODE = { address: "127.0.0.1", services: "10.96.0.0/16", serviceAddress: "10.96.0.1" };

/**
 * Starts it and waits until it answers, its controllers work and `default` has its service account.
 * @param {{ folder?: string, signal?: AbortSignal, place?: Place }} [options] `folder`: for its state; a temporary one
 *   that `stop` removes if not given. `signal`: gives the start up.
 * @typedef {{ address: string, services: string, serviceAddress: string, pods?: string, node?: string }} Place where
 *   it listens, the range of Services and the API's own address in it; with a `node` also that one's name and the
 *   range of pods
 * @returns {Promise<{ kubeconfig: string, url: string, pids: number[], state: string, stop: () => Promise<void> }>}
 *   `state`: holds pki/ and `cluster.sock`, where the API server looks for a proxy (HTTP CONNECT) to Services in the
 *   cluster: who listens there answers webhooks.
 */
export async function startControlPlane({ folder, signal, place = WITHOUT_NODE } = {}) {
  const programs = { etcd: "", "kube-apiserver": "", "kube-controller-manager": "" };
  for (const name of Object.keys(programs)) programs[name] = ensureProgram(name);
  const state = folder ?? mkdtempSync(join(tmpdir(), "slipway-cluster-"));
  mkdirSync(state, { recursive: true });
  const pki = join(state, "pki");
  makeCertificates(pki, place);
  const [client, peer, secure, manager] = await freePorts(4);
  const url = `https://${place.address}:${secure}`;
  const isThere = (path) => async () => (await ask({ pki, url }, path))?.status === 200;
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
    start("kube-apiserver", apiServer(state, pki, client, secure, place));
    await until("/readyz answers", processes, signal, isThere("/readyz"));
    start("kube-controller-manager", controllerManager(pki, managers, manager, place));
    const account = "/api/v1/namespaces/default/serviceaccounts/default";
    await until("the controllers work", processes, signal, isThere(account));
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

function apiServer(state, pki, client, port, { address, services, node }) {
  return flags({
    "etcd-servers": `https://127.0.0.1:${client}`,
    "etcd-cafile": join(pki, "ca.crt"),
    "etcd-certfile": join(pki, "admin.crt"),
    "etcd-keyfile": join(pki, "admin.key"),
    "bind-address": address,
    "advertise-address": address,
    "secure-port": port,
    "service-cluster-ip-range": services,
    ...(node === undefined ? withoutNode(state) : withNode(state, pki)),
    "tls-cert-file": join(pki, "apiserver.crt"),
    "tls-private-key-file": join(pki, "apiserver.key"),
    "client-ca-file": join(pki, "ca.crt"),
    "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
    "service-account-key-file": join(pki, "accounts.pub"),
    "service-account-signing-key-file": join(pki, "accounts.key"),
    "allow-privileged": true,
    profiling: false,
  });
}

/** Loopback can't be an endpoint of the Service `kubernetes`, and no Service's address leads anywhere. */
function withoutNode(state) {
  const egress = join(state, "egress.json");
  writeFileSync(egress, JSON.stringify(egressTo(join(state, "cluster.sock"))));
  return {
    "egress-selector-config-file": egress,
    "endpoint-reconciler-type": "none",
    "authorization-mode": "RBAC",
  };
}

/** It calls the kubelet for logs and commands in pods, and lets it see its own pods' objects alone. */
function withNode(state, pki) {
  const policy = join(state, "audit-policy.json");
  writeFileSync(policy, JSON.stringify(AUDIT));
  return {
    "audit-policy-file": policy,
    "audit-log-path": join(state, "audit.log"),
    "audit-log-maxsize": 100,
    "audit-log-maxbackup": 1,
    "authorization-mode": "Node,RBAC",
    "enable-admission-plugins": "NodeRestriction",
    "kubelet-certificate-authority": join(pki, "ca.crt"),
    "kubelet-client-certificate": join(pki, "admin.crt"),
    "kubelet-client-key": join(pki, "admin.key"),
    "kubelet-preferred-address-types": "InternalIP",
    "enable-aggregator-routing": true,
  };
}

function egressTo(udsName) {
  const connection = { proxyProtocol: "HTTPConnect", transport: { uds: { udsName } } };
  const egressSelections = [{ name: "cluster", connection }];
  return { apiVersion: "apiserver.k8s.io/v1beta1", kind: "EgressSelectorConfiguration", egressSelections };
}

function controllerManager(pki, kubeconfig, port, { services, pods }) {
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
    ...(pods === undefined
      ? {}
      : { "allocate-node-cidrs": true, "cluster-cidr": pods, "service-cluster-ip-range": services }),
    profiling: false,
  });
}
