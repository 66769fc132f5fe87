import type { StepEnvironment } from "../spec/project.ts";

/** What the steps of a pipeline run run in: the interpreter and the packages that a project declares. */
export interface PreparedEnvironment {
  /** Equal for two environments that behave alike; part of the cache key. */
  hash: string;
  /** Variables for the steps, such as a PATH that finds its commands first. */
  env: Record<string, string>;
}

export interface EnvironmentRequest {
  declared: StepEnvironment;
  /** Checked-out commit; a Node environment is linked into it. */
  workDir: string;
  /** Object id of the commit's tree: stands for files of the repository that an installer reads. */
  tree: string;
  /** PATH and what else an installer may see. */
  env: Record<string, string>;
  /** Progress for a person, into the step's log. */
  log: (line: string) => void;
  /** Runs an installer as a recorded process group, its output in the step's log. */
  execute: Installer;
  signal: AbortSignal;
}

type Installer = (command: {
  file: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
}) => Promise<{ code: number | null; signal: string | null; lastLines: string[] }>;

/** Builds step environments once per content and keeps them. */
export interface StepEnvironments {
  /** ENVIRONMENT_* errors say what is missing or how the installer ended. */
  prepare(request: EnvironmentRequest): Promise<PreparedEnvironment>;
}
