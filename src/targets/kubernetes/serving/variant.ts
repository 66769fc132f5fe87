import type { VariantRef, VariantSpec } from "../../../serving/backend.ts";

/** What of a variant is kept in Git: all but where its files lie on one control's disk. */
export interface PodVariant extends VariantRef {
  tenant: string;
  format: VariantSpec["format"];
  /** Of the model's archive. */
  digest: string;
  workers: number;
  scale?: NonNullable<VariantSpec["scale"]>;
  memoryBytes?: number;
  cpu?: number;
  limits?: NonNullable<VariantSpec["limits"]>;
}

export function variantKey({ service, version }: VariantRef): string {
  return `${version} ${service}`;
}

/** What serve pods are told of it. */
export function specOf(variant: PodVariant, endpoints: readonly string[]): VariantSpec {
  const { digest, ...rest } = variant;
  return { ...rest, modelDir: digest, endpoints };
}

/** What was asked for, as it is kept. */
export function variantOf(spec: VariantSpec, tenant: string, digest: string): PodVariant {
  const { service, version, format, workers, scale, memoryBytes, cpu, limits } = spec;
  return {
    service,
    version,
    tenant,
    format,
    digest,
    workers,
    ...(scale && { scale }),
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(cpu !== undefined && { cpu }),
    ...(limits && { limits }),
  };
}

/** A pod at least, while it is asked or prepared. */
export function fewestPods({ workers }: PodVariant): number {
  return Math.max(1, workers);
}

export function mostPods(variant: PodVariant): number {
  return Math.max(fewestPods(variant), variant.scale?.max ?? 0);
}
