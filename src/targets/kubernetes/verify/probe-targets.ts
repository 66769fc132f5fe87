import type { Rendered } from "../render/rendered.ts";

/** A place that a hostile pod of one tenant tries to reach. */
export interface ProbeTarget {
  /** `service iris of tenant-b`. */
  name: string;
  host: string;
  port: number;
}

export interface ProbeRound {
  /** The tenant in whose namespace the pod runs. */
  tenant: string;
  targets: readonly ProbeTarget[];
}

interface ServiceSpec {
  ports?: { port: number; protocol?: string }[];
  clusterIP?: string;
}

/** Clouds give a machine's credentials to whoever asks there. */
const METADATA: ProbeTarget = { name: "the cloud's metadata address", host: "169.254.169.254", port: 80 };

/** From every tenant: each TCP port of every other tenant's Services, their address as pods, and the metadata address. */
export function probeRounds({ platform, objects }: Rendered): ProbeRound[] {
  const services = objects.flatMap(({ object }) => {
    if (object.kind !== "Service" || object.apiVersion !== "v1") return [];
    const { namespace = "default", name } = object.metadata;
    const { ports = [] } = (object["spec"] ?? {}) as ServiceSpec;
    return ports
      .filter(({ protocol = "TCP" }) => protocol === "TCP")
      .map(({ port }) => ({ namespace, name, port }));
  });
  return platform.tenants.map(({ name: tenant }) => ({
    tenant,
    targets: [
      ...platform.tenants
        .filter((other) => other.name !== tenant)
        .flatMap((other) => {
          const own = services.filter(({ namespace }) => namespace === other.name);
          // A service of KServe's is made by its controller: its name is known from the file.
          const made = other.services
            .filter(({ name }) => !own.some((one) => one.name === name))
            .map(({ name, runtime }) => ({
              namespace: other.name,
              name: runtime === "kserve" ? `${name}-predictor` : name,
              port: 80,
            }));
          return [...own, ...made].map(({ namespace, name, port }) => ({
            name: `service ${name} of ${other.name}`,
            host: `${name}.${namespace}.svc`,
            port,
          }));
        }),
      METADATA,
    ],
  }));
}
