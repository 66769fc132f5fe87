/** A row of the one table of versions: nothing else names a version of a component. */
export interface LockEntry {
  /** Name of the row, such as `cert-manager`. */
  row: string;
  kind: "chart" | "image" | "definitions" | "manifests";
  /** `oci://quay.io/jetstack/charts/cert-manager`, an image's name without tag, a Go module. */
  source: string;
  version: string;
  /** Content digest of an image (`sha256:…`) where it is known. */
  digest?: string;
  /** SPDX identifier. */
  licence: string;
  upkeep: string;
  /** Version that our tests ran or validated against, and how; absent: unverified. */
  proven?: { version: string; how: string };
  /** Kubernetes minor versions that it supports, inclusive. */
  kubernetes?: { from: string; to: string };
}
