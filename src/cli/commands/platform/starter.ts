/** A component that there is. */
interface ComponentLine {
  name: string;
  summary: string;
}

/** Where editors get the schema from, as slipway.yaml's. */
const SCHEMA = "http://127.0.0.1:4600/api/slipway/v1/schemas/platform.json";

/** A platform.yaml to go on from: valid as it is, with every component that there is in a comment. */
export function starterPlatform(name: string, components: readonly ComponentLine[]): string {
  const width = Math.max(0, ...components.map((component) => component.name.length));
  const lines = components.map((one) => `  # ${`${one.name}: {}`.padEnd(width + 6)} # ${one.summary}`);
  return `# yaml-language-server: $schema=${SCHEMA}
apiVersion: slipway/v1
kind: Platform
name: ${name}
kubernetes:
  version: "1.36" # in quotes: 1.30 as a number is 1.3
domain: ml.example.com

# What exists in the cluster and isn't made here. Secrets are named, with their keys; their values stand in no file.
given:
  storageClasses: [standard]

# What the platform is made of. In place of {}, one key for each that is wanted:
components: {}
${lines.join("\n")}

tenants:
  - name: team-a
    people: { admins: ["group:team-a-admins"], members: ["group:team-a"] }
    quota: { cpu: 8, memory: 16Gi, pods: 40, storage: 100Gi }

# What differs in each environment, and nothing else: \`slipway platform render -e staging\`.
environments:
  staging: { domain: staging.ml.example.com }
  production: { domain: ml.example.com }
`;
}

/** A cluster on this machine: the file that describes it, the files beside it, and the two commands that make it. */
export interface LocalCluster {
  /** By path in the folder. */
  files: Readonly<Record<string, string>>;
  commands: readonly [string, string];
  /** What images are pushed to and pulled from under one name. */
  registry: string;
}

const REGISTRY_PORT = 5001;
/** The image that kind's own documents use. */
const REGISTRY_IMAGE = "registry:2";

/** By what `--local` takes. */
export const LOCAL_CLUSTERS: Readonly<Record<string, (name: string) => LocalCluster>> = { kind, k3d };

/** Nodes resolve \`localhost:5001\` by containerd's hosts folder (kind's documents, "local registry"), which is mounted. */
function kind(name: string): LocalCluster {
  const registry = `localhost:${REGISTRY_PORT}`;
  const container = `${name}-registry`;
  return {
    registry,
    files: {
      "kind.yaml": `# A cluster on this machine, with the ports of its gateway and a registry at ${registry}.
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: ${name}
nodes:
  - role: control-plane
    # The node's Kubernetes is that of your version of kind, unless an image of its release notes is named:
    # image: kindest/node:v1.36.x@sha256:…
    extraPortMappings:
      - { containerPort: 30080, hostPort: 8080, listenAddress: 127.0.0.1 }
      - { containerPort: 30443, hostPort: 8443, listenAddress: 127.0.0.1 }
    extraMounts:
      - { hostPath: ./kind-registry, containerPath: "/etc/containerd/certs.d/${registry}", readOnly: true }
containerdConfigPatches:
  - |-
    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = "/etc/containerd/certs.d"
`,
      "kind-registry/hosts.toml": `[host."http://${container}:5000"]\n`,
    },
    commands: [
      "kind create cluster --config kind.yaml",
      `docker run -d --restart=always -p 127.0.0.1:${REGISTRY_PORT}:5000 --network kind --name ${container} ${REGISTRY_IMAGE}`,
    ],
  };
}

/** k3s brings a Traefik of its own, which would fight with the platform's gateway: it is left out. */
function k3d(name: string): LocalCluster {
  const container = `${name}-registry`;
  return {
    registry: `${container}:${REGISTRY_PORT}`,
    files: {
      "k3d.yaml": `# A cluster on this machine, with the ports of its gateway and a registry at localhost:${REGISTRY_PORT}.
apiVersion: k3d.io/v1alpha5
kind: Simple
metadata: { name: ${name} }
servers: 1
agents: 0
# The newest k3s of this Kubernetes version.
image: +v1.36
ports:
  - { port: "127.0.0.1:8080:80", nodeFilters: [loadbalancer] }
  - { port: "127.0.0.1:8443:443", nodeFilters: [loadbalancer] }
registries:
  create: { name: ${container}, host: 127.0.0.1, hostPort: "${REGISTRY_PORT}" }
options:
  k3s:
    extraArgs:
      - { arg: --disable=traefik, nodeFilters: ["server:*"] }
`,
    },
    commands: ["k3d cluster create --config k3d.yaml", `kubectl config use-context k3d-${name}`],
  };
}
