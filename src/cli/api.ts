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
  champion: { version: number } | null;
  challenger?: { version: number } | null;
  weight?: number;
  state: string;
  requestsPerSecond?: number | null;
  rollout?: RolloutAnswer | null;
  commit?: string | null;
  /** What the controller is stuck at. */
  problem?: string | null;
}

export interface LabelsAnswer {
  accepted: number;
  duplicate: number;
  unknown: number;
  late: number;
  conflicting: number;
}
