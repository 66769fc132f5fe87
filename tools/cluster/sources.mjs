// What the cluster tests take from others' releases: definitions of kinds (CRDs), out of their Go modules at
// exact versions with their hashes. Kinds in the order of names; `definitions` are files or folders inside the module.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { moduleFolder } from "./go.mjs";

const SOURCES = {
  "argo-cd": {
    module: "github.com/argoproj/argo-cd/v3",
    version: "v3.5.1",
    sum: "h1:jtwPLEFX9mNj3jSq88ugFcScGnOZVs2DWaXFuZxrRT8=",
    definitions: ["manifests/crds"],
  },
  // Version 4's module is not served; the kinds are those of v1alpha1 in both.
  "argo-workflows": {
    module: "github.com/argoproj/argo-workflows/v3",
    version: "v3.7.4",
    sum: "h1:oA/DxaSsjb6fMYaygf7JVQgnsF+ZzlfUPy5kIfLsCic=",
    definitions: ["manifests/base/crds/full"],
  },
  "cert-manager": {
    module: "github.com/cert-manager/cert-manager",
    version: "v1.21.1",
    sum: "h1:0LttV37Q5c2CBNoHkjuI8sLKTXWZDC2SwQkxrBMKV9w=",
    definitions: ["deploy/crds"],
  },
  "cloudnative-pg": {
    module: "github.com/cloudnative-pg/cloudnative-pg",
    version: "v1.30.0",
    sum: "h1:fnhVq44xXx97MNiuvJsPrX1vSjYbgdyBK5MSGfdHdp0=",
    definitions: ["config/crd/bases"],
  },
  "envoy-gateway": {
    module: "github.com/envoyproxy/gateway",
    version: "v1.9.0",
    sum: "h1:PaOpud15v3kDCl3L5yc1TdYzggCMpRm1yRjNKmLkzHA=",
    definitions: ["charts/gateway-helm/charts/crds/crds/generated"],
  },
  "flux-helm": {
    module: "github.com/fluxcd/helm-controller",
    version: "v1.6.0",
    sum: "h1:jlS5X11SG26gspubB5aLrdVSCm0q0tA4ULsY+vwSkL0=",
    definitions: ["config/crd/bases"],
  },
  "flux-kustomize": {
    module: "github.com/fluxcd/kustomize-controller",
    version: "v1.9.6",
    sum: "h1:XB+G3A0mky0j5uVHZWv4oSlS2RvZBoNIUhstIvY0JKE=",
    definitions: ["config/crd/bases"],
  },
  "flux-source": {
    module: "github.com/fluxcd/source-controller",
    version: "v1.9.6",
    sum: "h1:nG534/bI6nVpyHra7ONAk6xDB3xPsVT+EOLHZHXPrrc=",
    definitions: ["config/crd/bases"],
  },
  "gateway-api": {
    module: "sigs.k8s.io/gateway-api",
    version: "v1.6.1",
    sum: "h1:mock6phZbI6rvZerwrVNk7hVNymQgHo+6sJ81Ia7ftY=",
    definitions: ["config/crd/standard"],
  },
  kserve: {
    module: "github.com/kserve/kserve",
    version: "v0.20.0",
    sum: "h1:Bs7HxmGV4KFqqptDcWseKv+mwD4YOYHJWcuVgPG2Gug=",
    definitions: ["config/crd/full"],
  },
  "prometheus-operator": {
    module: "github.com/prometheus-operator/prometheus-operator",
    version: "v0.94.0",
    sum: "h1:VxMKzqr8Xqw5/QInNT7a3B5XInPnHqE7SD2UIdwKpRM=",
    definitions: ["example/prometheus-operator-crd"],
  },
  traefik: {
    module: "github.com/traefik/traefik/v3",
    version: "v3.6.12",
    sum: "h1:6pe4s7aaDTQs+AsF7KP3sM/xnq7zOVvibRQe5tw9eFo=",
    definitions: ["docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml"],
  },
};

/** The version whose program can be built; its own definitions are older than those above. */
export const KSERVE = {
  module: "github.com/kserve/kserve",
  version: "v0.16.0",
  sum: "h1:kDkcAU5VMiZf4zhdDXH+UdAIgzXhs10GMv0d9r4qvTs=",
};

/**
 * The release's own manifest of KSERVE: definitions, rights, webhooks, its manager. Throws with what is missing.
 * @returns {string}
 */
export function kserveManifest() {
  return join(moduleFolder(KSERVE), "install", KSERVE.version, "kserve.yaml");
}

/** Names of all sources with definitions. */
export const DEFINITION_SETS = Object.keys(SOURCES);

/** `{ module, version }` of a source, for reports. */
export function sourceOf(name) {
  const { module, version } = SOURCES[name];
  return { module, version };
}

/**
 * Files with the definitions of a set (YAML; some hold other things too). Throws with what is missing.
 * @param {string} name
 * @returns {string[]}
 */
export function definitionFiles(name) {
  const source = SOURCES[name];
  const folder = moduleFolder(source);
  return source.definitions.flatMap((path) => yamlFiles(join(folder, path))).sort();
}

/**
 * Folder with the sources of a set's module. Throws with what is missing.
 * @param {string} name
 * @returns {string}
 */
export function moduleFolderOf(name) {
  return moduleFolder(SOURCES[name]);
}

function yamlFiles(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .filter(({ name }) => name !== "kustomization.yaml" && !name.endsWith("_patch.yaml"))
    .map((entry) => join(entry.parentPath, entry.name));
}
