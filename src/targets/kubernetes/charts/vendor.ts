import { parseAllDocuments } from "yaml";
import { compareObjects } from "../render/order.ts";
import type { ChartUse } from "../component.ts";
import type { LockEntry } from "../lock.ts";
import type { ChartFile } from "./chart-file.ts";
import { changeManifests, tidyObjects } from "./tidy.ts";

/** What reading a chart needs of the machine. */
export interface VendorDeps {
  /** Runs the user's `helm` and answers its stdout; `values` is handed over as a file of values. Throws with its stderr. */
  helm(args: readonly string[], values: string): Promise<string>;
  /** Text of an address, or of a file. */
  read(address: string): Promise<string>;
}

export interface VendorWish {
  use: ChartUse;
  entry: LockEntry;
  /** Minor version of the cluster that the chart is templated for. */
  kubernetes: string;
  /** A folder or file instead of the source that the table of versions names: where there is no way out. */
  instead?: string;
}

/** Runs a chart, or fetches a release's manifests. */
export async function vendorChart(
  { use, entry, kubernetes, instead }: VendorWish,
  deps: VendorDeps,
): Promise<ChartFile> {
  const { row, release, namespace, values } = use;
  const { version } = entry;
  const isChart = entry.kind === "chart";
  const text = isChart
    ? await deps.helm(
        helmArguments({ use, entry, kubernetes, ...(instead === undefined ? {} : { instead }) }),
        JSON.stringify(values),
      )
    : await deps.read(instead ?? addressOf(entry));
  const documents = parseAllDocuments(text, { merge: false }).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS({ maxAliasCount: 0 }) as unknown;
  });
  const tidy = tidyObjects(documents, use);
  const chosen =
    entry.kind === "definitions" ? tidy.filter(({ kind }) => kind === "CustomResourceDefinition") : tidy;
  const objects = isChart ? chosen : changeManifests(chosen, values);
  return {
    row,
    version,
    release,
    namespace,
    values,
    by: isChart ? "helm template" : entry.source,
    objects: [...objects].sort(compareObjects),
  };
}

/** `{version}` in a source is the version, `{number}` the same without its `v`. */
function addressOf({ source, version }: LockEntry): string {
  return source.replaceAll("{version}", version).replaceAll("{number}", version.replace(/^v/, ""));
}

/** Hooks are kept: what a chart makes in them (Envoy Gateway's certificates) is needed as much as the rest. */
function helmArguments({ use, entry, kubernetes, instead }: VendorWish): string[] {
  const from = instead === undefined ? [entry.source, "--version", entry.version] : [instead];
  return [
    "template",
    use.release,
    ...from,
    "--namespace",
    use.namespace,
    "--kube-version",
    `v${kubernetes}.0`,
    "--include-crds",
    "--skip-tests",
  ];
}
