import type { PlatformAt } from "../spec/platform/parse.ts";
import type { ChartFolder } from "./kubernetes-tools.ts";

/** A platform, and the cluster it is meant for. */
export interface ClusterChoice {
  at: PlatformAt;
  charts: ChartFolder;
  /** As messages name platform.yaml. */
  file: string;
  kubeconfig?: string;
  context?: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  cwd: string;
  /** Of this program. */
  version: string;
  /** Called with a line of progress while something takes its time. */
  tell(line: string): void;
}

/** What the commands of `slipway platform` do in a cluster; the composition root gives it. Errors are CLUSTER_* and PLATFORM_*. */
export interface ClusterTools {
  /** Well: nothing stands in the way. */
  plan(wishes: ApplyWishes): Promise<Answer>;
  apply(wishes: ApplyWishes): Promise<Answer>;
  /** Writes the rendered folder into the environment repository instead: the GitOps engine applies it. */
  commit(message: string | undefined): Promise<Answer>;
  /** Well: applied whole, and all of it works. */
  status(): Promise<Answer>;
  /** Well: the cluster is as the file says. */
  diff(): Promise<Answer>;
  /** Well: every check passed. */
  verify(options: { isolation: boolean; timeoutMs: number }): Promise<Answer>;
  pause(reason: string): Promise<Answer>;
  resume(): Promise<Answer>;
  /** What destroying would do. */
  planDestroy(options: { deleteVolumes: boolean }): Promise<Answer>;
  destroy(options: { deleteVolumes: boolean; timeoutMs: number }): Promise<Answer>;
  /** Well: nothing that was looked at is wrong. */
  doctor(): Promise<Answer>;
}

export interface ApplyWishes {
  adopt: boolean;
  forceConflicts: boolean;
  replace: boolean;
  upgrade: boolean;
  wait: boolean;
  /** Milliseconds. */
  timeoutMs: number;
}

/** What a command prints: with `--json` the one, else the other. */
export interface Answer {
  json: object;
  lines: readonly string[];
  isWell: boolean;
}
