import type { KubernetesObject } from "../object.ts";
import { PLATFORM_LABEL } from "./inventory.ts";

/** Whose an object in the cluster is. */
export type Owner =
  | { kind: "ours" }
  /** Of another platform of ours. */
  | { kind: "platform"; name: string }
  /** `isClaimed`: a tool says that it keeps it; else somebody merely made it. */
  | { kind: "foreign"; by: string; isClaimed: boolean };

/** A namespace that was there before us and only bears our labels: it is given back, never deleted. */
export const ADOPTED = "slipway.dev/adopted";

export function isAdopted({ metadata }: KubernetesObject): boolean {
  return metadata.annotations?.[ADOPTED] === "true";
}

interface ManagedField {
  manager?: string;
}

/** By labels, annotations and, when these say nothing, by who wrote its fields. */
export function ownerOf(live: KubernetesObject, platform: string): Owner {
  const { labels = {}, annotations = {} } = live.metadata;
  const label = labels[PLATFORM_LABEL];
  if (label === platform) return { kind: "ours" };
  if (label !== undefined) return { kind: "platform", name: label };
  const release = annotations["meta.helm.sh/release-name"];
  if (release !== undefined) return { kind: "foreign", by: `Helm release ${release}`, isClaimed: true };
  const application = annotations["argocd.argoproj.io/tracking-id"]?.split(":")[0];
  if (application !== undefined)
    return { kind: "foreign", by: `Argo CD application ${application}`, isClaimed: true };
  const kustomization = labels["kustomize.toolkit.fluxcd.io/name"];
  if (kustomization !== undefined)
    return { kind: "foreign", by: `Flux Kustomization ${kustomization}`, isClaimed: true };
  const managers = ((live.metadata["managedFields"] ?? []) as ManagedField[]).flatMap(({ manager }) =>
    manager === undefined ? [] : [manager],
  );
  const by = managers.length === 0 ? "somebody" : [...new Set(managers)].join(", ");
  return { kind: "foreign", by, isClaimed: false };
}
