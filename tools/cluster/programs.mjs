// Programs of the cluster tests, built once out of Go modules at exact versions and kept by version.
import { accessSync, constants, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "./cache.mjs";
import { buildInPlace, buildProgram } from "./go.mjs";
import { KSERVE } from "./sources.mjs";

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

const CONTAINERD = {
  module: "github.com/containerd/containerd/v2",
  version: "v2.4.2",
  sum: "h1:p6Qg+xbEz8lvwdhHDx0U469xENvp4LgGBx+E7djXkGw=",
};
const COREDNS = {
  module: "github.com/coredns/coredns",
  version: "v1.15.0",
  sum: "h1:OBT+OEyHVdUiVxPhrNlC5XZVq3RkSxzQXfZQ76gm5ck=",
};
const WORKFLOWS = {
  module: "github.com/argoproj/argo-workflows/v3",
  version: "v3.7.4",
  sum: "h1:oA/DxaSsjb6fMYaygf7JVQgnsF+ZzlfUPy5kIfLsCic=",
};
const TRAEFIK = {
  module: "github.com/traefik/traefik/v3",
  version: "v3.6.12",
  sum: "h1:6pe4s7aaDTQs+AsF7KP3sM/xnq7zOVvibRQe5tw9eFo=",
};
const ARGO_CD = {
  module: "github.com/argoproj/argo-cd/v2",
  version: "v2.14.11",
  sum: "h1:vkw8Ib/fOGsWD7HSUw8+5yXbXPYkGIJqs0wA2h9MX2s=",
};

/**
 * `module`: a folder of modules/; `source`: a Go module that builds as it is, by its own go.sum; minutes: what it took
 * on two cores that did other things too.
 */
const PROGRAMS = {
  etcd: { module: "etcd", version: "v3.7.3", packages: "go.etcd.io/etcd/server/v3", flags: "", minutes: 1 },
  "kube-apiserver": kubernetes("kube-apiserver", 8),
  "kube-controller-manager": kubernetes("kube-controller-manager", 2),
  "kube-scheduler": kubernetes("kube-scheduler", 1),
  kubelet: kubernetes("kubelet", 3),
  "kube-proxy": kubernetes("kube-proxy", 1),
  containerd: itself("containerd", CONTAINERD, "./cmd/containerd", 3, `${CONTAINERD.module}/version.Version`),
  "containerd-shim-runc-v2": itself("containerd", CONTAINERD, "./cmd/containerd-shim-runc-v2", 1),
  ctr: itself("containerd", CONTAINERD, "./cmd/ctr", 1),
  coredns: itself("coredns", COREDNS, ".", 3),
  "workflow-controller": itself(
    "argo-workflows",
    WORKFLOWS,
    "./cmd/workflow-controller",
    2,
    `${WORKFLOWS.module}.version`,
  ),
  argoexec: {
    ...itself("argo-workflows", WORKFLOWS, "./cmd/argoexec", 10, `${WORKFLOWS.module}.version`),
    // Archives of modules carry no links: this one is a link to the other.
    restored: { "workflow/executor/osspecific/signal_linux.go": "signal_darwin.go" },
  },
  // Every part of Argo CD is this one program: ARGOCD_BINARY_NAME says which. Modules of version 3 aren't to be had whole.
  argocd: itself("argo-cd", ARGO_CD, "./cmd", 10, `${ARGO_CD.module}/common.version`),
  // What Argo CD keeps its cache in, without a server from a system's packages.
  redis: { module: "redis", version: "v2.33.0", packages: ".", flags: "", minutes: 1 },
  "kserve-manager": itself("kserve", KSERVE, "./cmd/manager", 7),
  traefik: itself("traefik", TRAEFIK, "./cmd/traefik", 10, `${TRAEFIK.module}/pkg/version.Version`),
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

/** All that the tests of a cluster start. */
export function programNames() {
  return Object.keys(PROGRAMS);
}

/** One of a module's own programs; `versioned`: the variable that says its version. */
function itself(module, source, packages, minutes, versioned) {
  const flags = versioned === undefined ? "" : `-X ${versioned}=${source.version}`;
  return { module, version: source.version, source, packages, flags, minutes };
}

/**
 * Path of a program, built if it isn't there. Throws with what is missing.
 * @param {keyof typeof PROGRAMS} name
 * @returns {string}
 */
export function ensureProgram(name) {
  const { module, version, packages, flags, minutes, source, restored } = PROGRAMS[name];
  const program = join(cacheFolder(), module, version, `${process.platform}-${process.arch}`, name);
  if (isProgram(program)) return program;
  console.error(`building ${name} ${version} into ${dirname(program)} (once, about ${minutes} min)`);
  const started = performance.now();
  mkdirSync(dirname(program), { recursive: true });
  const fresh = `${program}.${process.pid}`;
  try {
    if (source !== undefined) buildInPlace({ source, packages, output: fresh, flags, restored });
    else buildProgram({ from: join(modules, module), packages, output: fresh, flags });
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
