// Programs of the cluster tests, built once out of Go modules at exact versions and kept by version.
import { accessSync, constants, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "./cache.mjs";
import { buildProgram } from "./go.mjs";

const modules = join(dirname(fileURLToPath(import.meta.url)), "modules");
export const KUBERNETES = "v1.36.3";
const HELM = "v4.3.1";
const VERSION = "k8s.io/component-base/version";
const KUBERNETES_FLAGS = [
  `-X ${VERSION}.gitVersion=${KUBERNETES}`,
  `-X ${VERSION}.gitMajor=1`,
  `-X ${VERSION}.gitMinor=${KUBERNETES.split(".")[1]}`,
  `-X ${VERSION}.gitTreeState=clean`,
  `-X k8s.io/client-go/pkg/version.gitVersion=${KUBERNETES}`,
].join(" ");

/** `module`: a folder of modules/; minutes: what it took on two cores that did other things too. */
const PROGRAMS = {
  etcd: { module: "etcd", version: "v3.7.3", packages: "go.etcd.io/etcd/server/v3", flags: "", minutes: 1 },
  "kube-apiserver": kubernetes("kube-apiserver", 8),
  "kube-controller-manager": kubernetes("kube-controller-manager", 2),
  helm: {
    module: "helm",
    version: HELM,
    packages: "helm.sh/helm/v4/cmd/helm",
    flags: `-X helm.sh/helm/v4/internal/version.version=${HELM}`,
    minutes: 4,
  },
};

function kubernetes(name, minutes) {
  const packages = `k8s.io/kubernetes/cmd/${name}`;
  return { module: "kubernetes", version: KUBERNETES, packages, flags: KUBERNETES_FLAGS, minutes };
}

/**
 * Path of a program, built if it isn't there. Throws with what is missing.
 * @param {keyof typeof PROGRAMS} name
 * @returns {string}
 */
export function ensureProgram(name) {
  const { module, version, packages, flags, minutes } = PROGRAMS[name];
  const program = join(cacheFolder(), module, version, `${process.platform}-${process.arch}`, name);
  if (isProgram(program)) return program;
  console.error(`building ${name} ${version} into ${dirname(program)} (once, about ${minutes} min)`);
  const started = performance.now();
  mkdirSync(dirname(program), { recursive: true });
  const fresh = `${program}.${process.pid}`;
  try {
    buildProgram({ from: join(modules, module), packages, output: fresh, flags });
    // Whoever builds at the same time makes the same bytes: the last rename wins.
    renameSync(fresh, program);
  } finally {
    rmSync(fresh, { force: true });
  }
  console.error(`built ${name} (${((performance.now() - started) / 1000).toFixed(0)} s)`);
  return program;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
