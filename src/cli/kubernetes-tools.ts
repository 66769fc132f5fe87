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
  lock(versions: readonly PlatformAt[], charts: ChartFolder): readonly LockRow[];
  /** Reads what charts make into the folder; `from`: by row, a folder or file to read instead of its source. */
  readCharts(
    versions: readonly PlatformAt[],
    charts: ChartFolder,
    from: ReadonlyMap<string, string>,
  ): Promise<readonly ChartReading[]>;
  /** NOT_FOUND when an end isn't rendered; USAGE when a port is missing or isn't there. */
  can(at: PlatformAt, charts: ChartFolder, from: string, to: string): readonly CanAnswerView[];
  /** What works on its cluster. CLUSTER_CONFIG_* when there is none to be found. */
  cluster(choice: ClusterChoice): Promise<ClusterTools>;
}

/** What the network policies say to one caller, one called end and one port. */
export interface CanAnswerView {
  from: string;
  to: string;
  port: number;
  protocol: string;
  answer: "open" | "closed" | "depends";
  egress: CanSideView;
  ingress: CanSideView;
}

export interface CanSideView {
  answer: "open" | "closed" | "depends";
  /** Policies that isolate this end; none: everything passes. */
  isolating: readonly string[];
  /** Rules that let it through. */
  letBy: readonly string[];
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

/** What became of reading one chart. */
export interface ChartReading {
  row: string;
  file: string;
  state: "kept" | "read" | "unread";
  why?: string;
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
