/** The parts of the platform's answers that the command line shows. Times are milliseconds since the epoch. */

export interface PipelineRunAnswer {
  id: string;
  project: string;
  commit: string;
  /** `succeeded`, `failed` and `cancelled` are final. */
  state: string;
  createdAt: number;
  finishedAt?: number | null;
  model?: string | null;
  version?: number | null;
  reason?: string | null;
  /** It ran on another platform, and came here with what it made. */
  broughtFrom?: string;
}

export interface RolloutAnswer {
  id: string;
  state: string;
  model?: string;
  version?: number;
  reason?: string | null;
  sentence?: string | null;
}

export interface ServiceAnswer {
  name: string;
  champion: { version: number; since?: number | null } | null;
  challenger?: { version: number } | null;
  weight?: number;
  state: string;
  rollout?: RolloutAnswer | null;
  commit?: string | null;
  /** What the controller is stuck at. */
  problem?: string | null;
}

/** What `/services/{model}` adds. */
export interface ServiceDetailAnswer extends ServiceAnswer {
  /** Changes of what runs, newest first: commits of the environment repository. */
  history?: { commit: string; at: number; author: string; subject: string }[];
  /** How many labels are in each state. */
  labels?: Record<string, number>;
  /** The versions that are loaded; left out while nobody can say. */
  variants?: VariantAnswer[];
}

export interface VariantAnswer {
  version: number;
  /** None while it is scaled to zero. */
  workers: { state: string; restarts: number; lastExit?: string; isShared?: boolean }[];
  lastEnd?: { at: number; reason: string };
  /** What keeps it from having as many as it should. */
  obstacle?: { code: string; message: string };
}

export interface LabelsAnswer {
  accepted: number;
  duplicate: number;
  unknown: number;
  late: number;
  conflicting: number;
  mismatch: number;
}
