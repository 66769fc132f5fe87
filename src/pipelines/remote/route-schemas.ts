/** JSON Schemas of what steps in pods send and get, for validation and for OpenAPI. */

const ID = { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$" } as const;
const LABEL = { type: "string", pattern: "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$" } as const;
const SHA256 = { type: "string", pattern: "^[0-9a-f]{64}$" } as const;
const TRY = {
  type: "integer",
  minimum: 0,
  maximum: 100_000,
  description: "Which pod of the step this is, 0 for the first.",
} as const;

export const RUN_PARAMS = { type: "object", required: ["id"], properties: { id: ID } } as const;

export const STEP_PARAMS = {
  type: "object",
  required: ["id", "step"],
  properties: { id: ID, step: LABEL },
} as const;

export const TRY_PARAMS = {
  type: "object",
  required: ["id", "step", "try"],
  properties: { id: ID, step: LABEL, try: TRY },
} as const;

export const HASH_PARAMS = {
  type: "object",
  required: ["id", "sha256"],
  properties: { id: ID, sha256: SHA256 },
} as const;

export const KEY_PARAMS = {
  type: "object",
  required: ["id", "step", "key"],
  properties: { id: ID, step: LABEL, key: SHA256 },
} as const;

const OUTPUTS = {
  type: "array",
  maxItems: 50_000,
  items: {
    type: "object",
    required: ["path", "size", "sha256"],
    properties: { path: { type: "string" }, size: { type: "integer" }, sha256: SHA256 },
  },
} as const;

const ARCHIVE = {
  type: "object",
  required: ["sha256", "size"],
  properties: { sha256: SHA256, size: { type: "integer", minimum: 0 } },
} as const;

/** Looked at more closely by `stepReportSchema`. */
export const REPORT_BODY = {
  type: "object",
  required: ["state", "attempt", "isFinal"],
  properties: {
    state: { enum: ["preparing", "running", "succeeded", "cached", "failed", "cancelled"] },
    attempt: { type: "integer", minimum: 0 },
    isFinal: { type: "boolean", description: "Nothing follows for this step." },
    startedAt: { type: "integer" },
    finishedAt: { type: "integer" },
    exitCode: { type: "integer" },
    reason: { type: "string", maxLength: 4000 },
    code: { type: "string", description: "From the catalogue of errors." },
    archive: ARCHIVE,
    outputs: OUTPUTS,
    effects: { type: "object" },
    opaque: { type: "string", description: "Why steps that need it can't be reused." },
  },
} as const;

export const EFFECTS_BODY = {
  type: "object",
  required: ["do"],
  additionalProperties: false,
  properties: {
    do: { enum: ["begin", "end", "replay"] },
    effects: { type: "object", description: "What is to be logged again." },
  },
} as const;

export const EFFECTS_ANSWER = {
  type: "object",
  properties: {
    effects: { type: "object", additionalProperties: true },
    unsure: { type: "string" },
    refused: { type: "string", description: "Why they can't be repeated." },
  },
} as const;

export const ENTRY_BODY = {
  type: "object",
  required: ["entry", "archive"],
  additionalProperties: false,
  properties: {
    entry: {
      type: "object",
      required: ["origin", "createdAt", "outputs", "size"],
      properties: {
        origin: ID,
        createdAt: { type: "integer" },
        outputs: OUTPUTS,
        effects: { type: "object" },
        size: { type: "integer", minimum: 0 },
      },
    },
    archive: ARCHIVE,
  },
} as const;

export const LAST_KEPT_BODY = {
  type: "object",
  description: "Parts of the key of the step's last result, or why nothing was kept.",
  properties: { parts: { type: "object" }, notKept: { type: "string" } },
} as const;
