// Keys and certificates of a control plane for tests, by openssl: one authority signs all of them, for one day.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";

const DAYS = "1";
const CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/**
 * Makes the authority, the servers' and the clients' certificates and the key that signs service accounts' tokens.
 * @param {string} folder made if it isn't there
 * @param {import("./control-plane.mjs").Place} place
 */
export function makeCertificates(folder, { address, serviceAddress, node }) {
  makeAuthority(folder);
  const names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"];
  certificate(folder, "apiserver", {
    name: "kube-apiserver",
    names,
    addresses: [...new Set(["127.0.0.1", address, serviceAddress])],
  });
  certificate(folder, "etcd", { name: "etcd", names: ["localhost"], addresses: ["127.0.0.1"] });
  certificate(folder, "admin", { name: "admin", group: "system:masters" });
  certificate(folder, "kube-controller-manager", { name: "system:kube-controller-manager" });
  if (node !== undefined) nodeCertificates(folder, node, address);
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  writeFileSync(join(folder, "accounts.key"), privateKey, { mode: 0o600 });
  writeFileSync(join(folder, "accounts.pub"), publicKey);
}

/**
 * An authority of its own.
 * @param {string} folder made if it isn't there
 */
export function makeAuthority(folder) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const authority = section("v3", [
    "basicConstraints=critical,CA:true",
    "keyUsage=critical,keyCertSign,cRLSign",
  ]);
  config(folder, "ca", "/CN=slipway-test", authority);
  openssl(folder, [
    "req",
    "-x509",
    ...CURVE,
    "-days",
    DAYS,
    "-config",
    "ca.cnf",
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
  ]);
}

function nodeCertificates(folder, node, address) {
  certificate(folder, "kubelet", {
    name: `system:node:${node}`,
    group: "system:nodes",
    names: [node],
    addresses: [address, "127.0.0.1"],
  });
  for (const name of ["kube-scheduler", "kube-proxy"]) certificate(folder, name, { name: `system:${name}` });
}

/**
 * A server's certificate and key, made by the authority in this folder; answers the files' paths.
 * @param {string} folder
 * @param {string} host
 */
export function serverCertificate(folder, host) {
  // A common name has 64 characters at most.
  certificate(folder, host, { name: "server", names: [host] });
  return { cert: join(folder, `${host}.crt`), key: join(folder, `${host}.key`) };
}

function certificate(folder, file, { name, group, names = [], addresses = [] }) {
  const alternatives = [...names.map((it) => `DNS:${it}`), ...addresses.map((it) => `IP:${it}`)];
  const extensions = ["keyUsage=digitalSignature,keyEncipherment", "extendedKeyUsage=serverAuth,clientAuth"];
  if (alternatives.length > 0) extensions.push(`subjectAltName=${alternatives.join(",")}`);
  config(folder, file, `${group ? `/O=${group}` : ""}/CN=${name}`, section("v3", extensions));
  const [key, request, made] = ["key", "csr", "crt"].map((end) => `${file}.${end}`);
  openssl(folder, ["req", "-new", ...CURVE, "-config", `${file}.cnf`, "-keyout", key, "-out", request]);
  const signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", DAYS];
  const extended = ["-extfile", `${file}.cnf`, "-extensions", "v3"];
  openssl(folder, ["x509", "-req", "-in", request, ...signed, ...extended, "-out", made]);
}

function section(name, lines) {
  return [`[${name}]`, ...lines, ""].join("\n");
}

/** A file instead of options: LibreSSL, macOS's, doesn't know all of those. */
function config(folder, file, subject, extensions) {
  const parts = subject.split("/").slice(1);
  const request = ["distinguished_name=dn", "prompt=no", ...(file === "ca" ? ["x509_extensions=v3"] : [])];
  writeFileSync(
    join(folder, `${file}.cnf`),
    [section("req", request), section("dn", parts), extensions].join("\n"),
  );
}

function openssl(folder, args) {
  const { error, status, stderr } = spawnSync("openssl", args, { cwd: folder, encoding: "utf8" });
  if (error)
    throw new Error("`openssl` makes the certificates of the test control plane and could not be started");
  if (status !== 0) throw new Error(`\`openssl ${args.join(" ")}\` failed:\n${stderr.trim()}`);
}
