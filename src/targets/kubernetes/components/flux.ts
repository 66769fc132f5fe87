import { z } from "zod";
import { duration } from "../../../spec/fields.ts";
import { defineComponent } from "../component.ts";
import type { KubernetesObject } from "../object.ts";
import { deliveredParts, deliveryFacts, deliveryOptions } from "./parts/delivery.ts";
import type { DeliveredPart } from "./parts/delivery.ts";
import { placed } from "./parts/place.ts";

const FROM = ["components", "flux"] as const;
const NAMESPACE = "flux-system";
const SOURCE = "platform";

const options = z.strictObject({
  ...deliveryOptions,
  interval: duration({ min: 10_000, max: 86_400_000 }).prefault("1m").describe("How often it looks."),
});
type Options = z.output<typeof options>;

/**
 * The platform under Flux: one source, and a Kustomization of each part that waits for the wave before it. Flux itself is
 * put in by `flux bootstrap` or `flux install`, as its project wants it: its namespace and its kinds must be given.
 */
export const flux = defineComponent({
  name: "flux",
  summary: "Flux: keeps the cluster as the environment repository says.",
  options,
  excludes: ["argoCd"],
  locked: ["flux"],
  publish: ({ options }) => ({ delivery: deliveryFacts("flux", NAMESPACE, options) }),
  render: ({ platform, options, locked }) => {
    // Makes nothing here, and is in the lock for what it supports.
    locked("flux");
    const parts = deliveredParts(platform, "flux");
    const { credentials } = options;
    return {
      objects: placed(FROM, [
        source(options),
        kustomization({ name: "platform", folder: "components/flux", wave: 0 }, [], options),
        ...parts.map((part) => kustomization(part, before(part, parts), options)),
      ]),
      secrets:
        credentials === undefined
          ? []
          : [
              {
                namespace: NAMESPACE,
                name: credentials.secret,
                keys: ["password"],
                made: { how: "given" },
                from: [...FROM, "credentials"],
              },
            ],
      health: ["platform", ...parts.map(({ name }) => name)].map((name) => ({
        apiVersion: "kustomize.toolkit.fluxcd.io/v1",
        kind: "Kustomization",
        namespace: NAMESPACE,
        name,
        condition: "Ready",
      })),
    };
  },
});

/** The parts of the wave before: the waves before that one are waited for by these. */
function before({ wave }: DeliveredPart, parts: readonly DeliveredPart[]): readonly DeliveredPart[] {
  const earlier = Math.max(...parts.map((part) => part.wave).filter((other) => other < wave));
  return parts.filter((part) => part.wave === earlier);
}

function source({ repository, branch, credentials, interval }: Options): KubernetesObject {
  return {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "GitRepository",
    metadata: { name: SOURCE, namespace: NAMESPACE },
    spec: {
      url: repository,
      ref: { branch },
      interval: seconds(interval),
      ...(credentials === undefined ? {} : { secretRef: { name: credentials.secret } }),
    },
  };
}

function kustomization(
  { name, folder }: DeliveredPart,
  dependsOn: readonly DeliveredPart[],
  options: Options,
): KubernetesObject {
  const { path } = deliveryFacts("flux", NAMESPACE, options);
  return {
    apiVersion: "kustomize.toolkit.fluxcd.io/v1",
    kind: "Kustomization",
    metadata: { name, namespace: NAMESPACE },
    spec: {
      sourceRef: { kind: "GitRepository", name: SOURCE },
      path: `./${path}/${folder}`,
      interval: "10m",
      retryInterval: "30s",
      timeout: "10m",
      prune: true,
      // The one that carries all others would wait for itself.
      wait: name !== "platform",
      ...(dependsOn.length === 0 ? {} : { dependsOn: dependsOn.map((part) => ({ name: part.name })) }),
    },
  };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)}s`;
}
