import { z } from "zod";
import { FILE_KINDS } from "../import/kinds.ts";
import { PUSH_SOURCE } from "../import/route-parts.ts";

/** The bodies of the push API. Ids are the source's: a push keeps them all. */

export const PROJECT = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
const COMMIT = /^[0-9a-f]{40,64}$/;
const source = z.string().regex(PUSH_SOURCE).describe("`slipway:<id of the platform>/<tenant>`");
const name = z.string().min(1).max(256);
/** Half of a surrogate pair and NUL are in no text that both databases keep as it is. */
const text = (max: number): z.ZodString =>
  z
    .string()
    .max(max)
    .refine((value) => !/[\0\p{Surrogate}]/u.test(value), "not a text that can be kept") as z.ZodString;
/** Milliseconds since the epoch. */
const time = z.int().min(0);

/** What a push looks for on its target before it writes anything. */
export const LOOKED_FOR = [
  "project",
  "service",
  "experiment",
  "run",
  "logged-model",
  "trace",
  "version",
  "pipeline-run",
] as const;
export type LookedFor = (typeof LOOKED_FOR)[number];

export const look = z.strictObject({
  source,
  kind: z.enum(LOOKED_FOR),
  ids: z
    .array(text(700).min(1))
    .max(1000)
    .describe("Names of projects, services and experiments; `<model>/<version>`; ids of all others."),
});

/**
 * `absent`; `brought`: by an earlier push from that source; `here`: the tenant has one, from elsewhere;
 * `elsewhere`: another tenant has it; `deleted`: an experiment whose name is taken by a deleted one.
 */
export const STATES = ["absent", "brought", "here", "elsewhere", "deleted"] as const;

export interface Looked {
  id: string;
  state: (typeof STATES)[number];
  /** Of a version that is there. */
  runId?: string;
  createdAt?: number;
}

export const claim = z.strictObject({
  project: PROJECT,
  model: name.optional().describe("Its service's name, where it has a model."),
});

const stepState = z.enum([
  "waiting",
  "preparing",
  "running",
  "succeeded",
  "cached",
  "failed",
  "cancelled",
  "skipped",
]);

const step = z.strictObject({
  name: text(200).min(1),
  state: stepState,
  attempt: z.int().min(0),
  startedAt: time.optional(),
  finishedAt: time.optional(),
  exitCode: z.int().optional(),
  reason: text(10_000).optional(),
  code: text(100).optional(),
});

export const pipelineRun = z.strictObject({
  id: z.string().regex(/^pr-[0-9a-z]{1,60}$/),
  project: PROJECT,
  commit: z.string().regex(COMMIT),
  ref: text(500).min(1),
  pusher: text(500),
  /** Shown, never run: what runs is read from the commit. */
  spec: z
    .looseObject({
      model: z.looseObject({ name }).optional(),
      pipeline: z.looseObject({
        steps: z
          .array(
            z.looseObject({ name: text(200).min(1), inputs: z.array(text(4000)).max(10_000).optional() }),
          )
          .max(1000),
      }),
    })
    .describe("`slipway.yaml` as it was then."),
  cache: z.boolean(),
  state: z.enum(["succeeded", "failed", "cancelled"]),
  reason: text(100_000).nullable(),
  code: text(100).nullable(),
  trackingRunId: text(256),
  model: name.nullable(),
  version: z.int().min(1).nullable(),
  createdAt: time,
  startedAt: time.nullable(),
  finishedAt: time,
  steps: z.array(step).max(1000),
});
export type BroughtRun = z.infer<typeof pipelineRun>;

export const pipelineRuns = z.strictObject({ pipelineRuns: z.array(pipelineRun).max(100) });

export const file = z.strictObject({
  kind: z.enum(FILE_KINDS),
  ownerId: z.string().min(1).max(256),
  path: z.string().min(1).max(4000),
  size: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

export const service = z.strictObject({
  project: PROJECT,
  model: name,
  version: z.int().min(1),
  pipelineRunId: z.string().max(64).optional().describe("That made the version."),
});

/** What a push asks its source for. */
export interface ProjectExport {
  /** Id of the platform. */
  platform: string;
  version: string;
  tenant: string;
  project: string;
  /** Of the branch that runs, a full reference; null before the first push. */
  head: { commit: string; ref: string } | null;
  /** The model of `slipway.yaml` at the head, and the version that is its service's champion. */
  model: { name: string; champion: number | null; onTrial: number | null } | null;
  /** Pipeline runs that haven't ended. */
  underWay: string[];
}
