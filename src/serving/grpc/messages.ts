import type { MessageType } from "./wire/schema.ts";

/**
 * The small messages of Open Inference's gRPC service, with the repository calls of Triton's and KServe's own; ModelInfer's
 * are read and written by infer-request.ts and infer-response.ts.
 */
export const SERVICE = "inference.GRPCInferenceService";

export const SERVER_LIVE_RESPONSE: MessageType = {
  name: "ServerLiveResponse",
  fields: { live: [1, "bool"] },
};

export const READY_RESPONSE: MessageType = { name: "ReadyResponse", fields: { ready: [1, "bool"] } };

export const MODEL_REQUEST: MessageType = {
  name: "ModelRequest",
  fields: { name: [1, "string"], version: [2, "string"] },
};

export const SERVER_METADATA_RESPONSE: MessageType = {
  name: "ServerMetadataResponse",
  fields: { name: [1, "string"], version: [2, "string"], extensions: [3, ["string"]] },
};

const TENSOR_METADATA: MessageType = {
  name: "TensorMetadata",
  fields: { name: [1, "string"], datatype: [2, "string"], shape: [3, ["int64"]] },
};

export const MODEL_METADATA_RESPONSE: MessageType = {
  name: "ModelMetadataResponse",
  fields: {
    name: [1, "string"],
    versions: [2, ["string"]],
    platform: [3, "string"],
    inputs: [4, [TENSOR_METADATA]],
    outputs: [5, [TENSOR_METADATA]],
  },
};

export const REPOSITORY_INDEX_REQUEST: MessageType = {
  name: "RepositoryIndexRequest",
  fields: { repository_name: [1, "string"], ready: [2, "bool"] },
};

const MODEL_INDEX: MessageType = {
  name: "ModelIndex",
  fields: { name: [1, "string"], version: [2, "string"], state: [3, "string"], reason: [4, "string"] },
};

export const REPOSITORY_INDEX_RESPONSE: MessageType = {
  name: "RepositoryIndexResponse",
  fields: { models: [1, [MODEL_INDEX]] },
};

/** Triton names the repository first and the model second, KServe has the model alone: the last one given is it. */
export const REPOSITORY_MODEL_REQUEST: MessageType = {
  name: "RepositoryModelRequest",
  fields: { first: [1, "string"], second: [2, "string"], parameters: [3, ["bytes"]] },
};

/** KServe's; Triton's is empty, and its clients go over what they don't know. */
export const REPOSITORY_MODEL_RESPONSE: MessageType = {
  name: "RepositoryModelResponse",
  fields: { model_name: [1, "string"], is_done: [2, "bool"] },
};

/** grpc.health.v1. */
export const HEALTH_SERVICE = "grpc.health.v1.Health";
export const HEALTH_REQUEST: MessageType = {
  name: "HealthCheckRequest",
  fields: { service: [1, "string"] },
};
export const HEALTH_RESPONSE: MessageType = {
  name: "HealthCheckResponse",
  fields: { status: [1, "int32"] },
};
