import type { ClusterChoice, ClusterTools } from "./cluster-tools.ts";
import type { ParsePlatformResult, PlatformAt } from "../spec/platform/parse.ts";

/**
 * What the commands of `slipway platform` ask of the Kubernetes target; the composition root gives it. Every call takes
 * the platform as it was read, in one environment, and renders it anew: rendering is pure and quick.
 */
export interface KubernetesTools {
  /** Every component that there is, in the order of the reference. */
  components: readonly { name: string; summary: string }[];
  /** Never throws. */
  parse(text: string, file: string): ParsePlatformResult;
  /** PLATFORM_OBJECT_TWICE when two components make the same object. */
  render(at: PlatformAt, charts: ChartFolder): RenderedView;
  /** Writes the rendered folder; PLATFORM_FOLDER_FOREIGN when it holds what isn't ours. */
  writeFolder(rendered: RenderedView, folder: string): Promise<FolderChanges>;
  /** All objects as one stream of YAML documents, in order. */
  yaml(rendered: RenderedView): string;
  /** The lock of a platform: rows of every environment's components. */
  lock(versions: readonly PlatformAt[]): readonly LockRow[];
  /** What works on its cluster. CLUSTER_CONFIG_* when there is none to be found. */
  cluster(choice: ClusterChoice): Promise<ClusterTools>;
}

/** Absolute path of the folder with the output of `helm template`; it needn't exist. */
export type ChartFolder = string;

/** What a command shows of a rendered platform. */
export interface RenderedView {
  environment?: string;
  objects: readonly { component: string; object: RenderedObjectView }[];
  charts: readonly { component: string; row: string; release: string; state: "read" | "reference" }[];
  locked: readonly LockRow[];
}

interface RenderedObjectView {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

export interface LockRow {
  row: string;
  kind: string;
  source: string;
  version: string;
  digest?: string;
  licence: string;
  upkeep: string;
  proven?: { version: string; how: string };
  kubernetes?: { from: string; to: string };
}

/** What became of the files of a folder. */
export interface FolderChanges {
  written: number;
  unchanged: number;
  removed: number;
}
