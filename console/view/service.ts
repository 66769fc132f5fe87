import type { ServiceView } from "../../src/rollout/views.ts";

/** One service with its history, as `GET /api/slipway/v1/services/:model` answers it. */
export type ServiceDetail = ServiceView & {
  previousChampion: number | null;
  /** Newest first. */
  history: HistoryEntry[];
};

/** A commit of the environment repository that changed the service. */
export interface HistoryEntry {
  commit: string;
  at: number;
  author: string;
  subject: string;
  champion: number | null;
  challenger: number | null;
  /** Per cent to the challenger. */
  weight: number;
  rolloutId: string | null;
}
