import type { FastifyRequest } from "fastify";
import type { RolloutRequests } from "../rollout/request.ts";
import type { Project } from "../spec/project.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { Clock } from "../base/clock.ts";
import type { Database } from "../store/database.ts";

/** What the routes of pushes from platform to platform are given. */
export interface PushDeps {
  db: Database;
  clock: Clock;
  blobs: BlobStore;
  /** Of this platform. */
  platformId: string;
  version: string;
  /** Gives a project's name that nobody has to the tenant; answers whose it is. */
  claimProject(project: string, tenant: string): Promise<string>;
  ownerOfProject(project: string): Promise<string | undefined>;
  /** A project's spec at a commit (default: the head of its main branch); NOT_FOUND where there is none. */
  projectAt(project: string, commit?: string): Promise<{ commit: string; ref: string; spec: Project }>;
  rollouts: RolloutRequests;
  /** Who calls, for the record. */
  callerName(request: FastifyRequest): string;
}
