/** JSON Schemas of the pipeline routes, for validation and for OpenAPI. */

const ID = { type: "string", minLength: 1, maxLength: 100 } as const;
const TIME = { type: ["integer", "null"], description: "Milliseconds since the epoch." } as const;
const TEXT_OR_NULL = { type: ["string", "null"] } as const;

export const PARAMS = { type: "object", required: ["id"], properties: { id: ID } } as const;

export const PROJECT_PARAMS = { type: "object", required: ["name"], properties: { name: ID } } as const;

export const LIST_QUERY = {
  type: "object",
  additionalProperties: false,
  properties: { project: ID, limit: { type: "integer", minimum: 1, maximum: 1000, default: 50 } },
} as const;

export const LOGS_QUERY = {
  type: "object",
  additionalProperties: false,
  properties: {
    step: { ...ID, description: "Of one step only." },
    follow: { type: "boolean", default: false, description: "Go on until the pipeline run ends." },
  },
} as const;

export const TRIGGER_BODY = {
  type: ["object", "null"],
  additionalProperties: false,
  properties: {
    commit: {
      type: "string",
      pattern: "^[0-9a-f]{4,64}$",
      description: "Default: the head of the main branch.",
    },
    cache: { type: "boolean", description: "False: no step is reused." },
  },
} as const;

const STEP = {
  type: "object",
  required: ["name", "state", "attempt"],
  properties: {
    name: { type: "string" },
    state: {
      enum: ["waiting", "preparing", "running", "succeeded", "cached", "failed", "cancelled", "skipped"],
    },
    attempt: { type: "integer" },
    startedAt: { type: "integer" },
    finishedAt: { type: "integer" },
    exitCode: { type: "integer" },
    reason: { type: "string", description: "Why it failed, was reused or wasn't." },
    code: { type: "string" },
  },
} as const;

export const ANSWER = {
  type: "object",
  properties: {
    id: { type: "string" },
    project: { type: "string" },
    commit: { type: "string" },
    ref: { type: "string" },
    pusher: { type: "string" },
    state: { enum: ["queued", "running", "registering", "succeeded", "failed", "cancelled"] },
    createdAt: { type: "integer" },
    startedAt: TIME,
    finishedAt: TIME,
    trackingRunId: TEXT_OR_NULL,
    model: TEXT_OR_NULL,
    version: { type: ["integer", "null"] },
    rolloutId: TEXT_OR_NULL,
    reason: TEXT_OR_NULL,
    code: TEXT_OR_NULL,
    steps: { type: "array", items: STEP },
    broughtFrom: {
      type: "string",
      description: "It ran on another platform, and came here with what it made (`slipway push`).",
    },
  },
} as const;

export const LIST_ANSWER = {
  type: "object",
  properties: { pipelineRuns: { type: "array", items: ANSWER } },
} as const;
