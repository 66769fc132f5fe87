import type { ChartUse } from "../component.ts";
import type { DeliveryFacts } from "../facts.ts";
import type { LockEntry } from "../lock.ts";
import type { KubernetesObject } from "../object.ts";

/**
 * A chart that can't be read here, as an object of the GitOps engine that fetches it by itself: an Application of Argo
 * CD, or a source and a HelmRelease of Flux. Nothing of what it makes is proven. Manifests and definitions are no charts:
 * an engine takes no single file, and they are read by `slipway platform lock` or put in by a person.
 */
export function referenceObjects(
  use: ChartUse,
  entry: LockEntry,
  { engine, namespace }: DeliveryFacts,
): KubernetesObject[] {
  if (entry.kind !== "chart") return [];
  return engine === "argo-cd" ? [application(use, entry, namespace)] : release(use, entry, namespace);
}

/** Argo CD takes the registry's host and path for an OCI chart's repository, without a scheme, and the name apart. */
function application(use: ChartUse, entry: LockEntry, namespace: string): KubernetesObject {
  const { repository, chart, isOci } = sourceOf(entry);
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: `chart-${use.release}`, namespace },
    spec: {
      // The platform's own project lets in its own repository alone.
      project: "default",
      source: {
        repoURL: isOci ? repository.replace("oci://", "") : repository,
        chart,
        targetRevision: entry.version,
        helm: { releaseName: use.release, valuesObject: use.values },
      },
      destination: { server: "https://kubernetes.default.svc", namespace: use.namespace },
      syncPolicy: {
        automated: { prune: true, selfHeal: true },
        syncOptions: ["ServerSideApply=true", "PruneLast=true"],
      },
    },
  };
}

function release(use: ChartUse, entry: LockEntry, namespace: string): KubernetesObject[] {
  const { repository, chart, isOci } = sourceOf(entry);
  const metadata = { name: `chart-${use.release}`, namespace };
  const source: KubernetesObject = isOci
    ? {
        apiVersion: "source.toolkit.fluxcd.io/v1",
        kind: "OCIRepository",
        metadata,
        spec: {
          url: entry.source,
          ref: { tag: entry.version },
          interval: "1h",
          // What is taken of the artifact is the chart's archive.
          layerSelector: {
            mediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            operation: "copy",
          },
        },
      }
    : {
        apiVersion: "source.toolkit.fluxcd.io/v1",
        kind: "HelmRepository",
        metadata,
        spec: { url: repository, interval: "1h" },
      };
  const from = { kind: source.kind, name: metadata.name, namespace };
  const taken = isOci
    ? { chartRef: from }
    : { chart: { spec: { chart, version: entry.version, sourceRef: from } } };
  return [
    source,
    {
      apiVersion: "helm.toolkit.fluxcd.io/v2",
      kind: "HelmRelease",
      metadata,
      spec: {
        ...taken,
        releaseName: use.release,
        targetNamespace: use.namespace,
        storageNamespace: use.namespace,
        interval: "1h",
        install: { crds: "CreateReplace" },
        upgrade: { crds: "CreateReplace" },
        values: use.values,
      },
    },
  ];
}

function sourceOf({ source }: LockEntry): { repository: string; chart: string; isOci: boolean } {
  const at = source.lastIndexOf("/");
  return {
    repository: source.slice(0, at),
    chart: source.slice(at + 1),
    isOci: source.startsWith("oci://"),
  };
}
