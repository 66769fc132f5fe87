import type { RenderedBranch } from "../../../git/rendered-branch.ts";
import type { ArchiveStore } from "../../../serving/archive/archive-store.ts";
import type { GoneCounts } from "../../../serving/gone-counts.ts";
import type { Cause, ClusterEvent } from "./causes.ts";
import type { Pod } from "./pods.ts";
import type { Replicas } from "./replicas.ts";
import type { ServeFleetDeps } from "./serve-fleet.ts";

/** Makes the cluster be as a commit of the branch says. */
export interface Carrier {
  /**
   * Resolves when the objects of these files are as they stand there, and nothing else of ours is. Answers what the cluster
   * refused, by file; rejects when it can't be asked, and with the signal's reason.
   */
  carryOut(
    commit: string,
    files: ReadonlyMap<string, string>,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Cause>>;
  /**
   * Makes the objects of a file be as this text says before the branch does, and keeps them so until the branch says
   * anything else of that file than it does now. Answers what the cluster refused.
   */
  first?(path: string, text: string): Promise<Cause | undefined>;
}

export interface KubernetesServingDeps extends Pick<
  ServeFleetDeps,
  "pods" | "clock" | "signal" | "log" | "portName" | "token"
> {
  serveLabels: Readonly<Record<string, string>>;
  /** Where the platform itself runs; the default tenant's namespace is named after it. */
  namespace: string;
  image: string;
  url: string;
  isKserve: boolean;
  pullPolicy?: string;
  isBehindGateway?: boolean;
  branch: RenderedBranch;
  carrier: Carrier;
  /** Absent: a variant keeps one pod, whatever its least: nobody holds requests for it. */
  replicas?: Replicas;
  archives: Pick<ArchiveStore, "keep" | "drop">;
  gone: GoneCounts;
  /** Whose service it is. */
  tenantOf(service: string): Promise<string>;
  /** Makes the Secret of a tenant's model pods where it isn't there. */
  ensureTenant(tenant: string): Promise<void>;
  events(namespace: string): Promise<ClusterEvent[]>;
  podLog(pod: Pod, lines: number): Promise<string[]>;
  /** Names this process's sums. */
  incarnation: string;
  /** For the pods of a variant; see `podsReady`. */
  prepareMs?: number;
}
