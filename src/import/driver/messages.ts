/** What of MLflow's answers is read. 64-bit integers beyond 2^53 have come out as strings. */

export interface Entry {
  key: string;
  value?: string;
}

type Int64 = number | string;

export interface Experiment {
  experiment_id: string;
  name: string;
  lifecycle_stage: "active" | "deleted";
  creation_time?: Int64;
  last_update_time?: Int64;
  tags?: Entry[];
}

export interface MetricMessage {
  key: string;
  value: number | string;
  timestamp?: Int64;
  step?: Int64;
  run_id?: string;
  dataset_name?: string;
  dataset_digest?: string;
}

export interface Run {
  info: {
    run_id?: string;
    run_uuid?: string;
    run_name?: string;
    user_id?: string;
    status: string;
    start_time?: Int64;
    end_time?: Int64;
    artifact_uri?: string;
    lifecycle_stage: "active" | "deleted";
  };
  data?: { metrics?: MetricMessage[]; params?: Entry[]; tags?: Entry[] };
  inputs?: {
    dataset_inputs?: {
      tags?: Entry[];
      dataset: {
        name: string;
        digest: string;
        source_type?: string;
        source?: string;
        schema?: string;
        profile?: string;
      };
    }[];
    model_inputs?: { model_id: string }[];
  };
  outputs?: { model_outputs?: { model_id: string; step?: Int64 }[] };
}

export interface LoggedModel {
  info: {
    model_id: string;
    name: string;
    artifact_uri?: string;
    creation_timestamp_ms?: Int64;
    last_updated_timestamp_ms?: Int64;
    status: string | number;
    status_message?: string;
    model_type?: string;
    source_run_id?: string;
    tags?: Entry[];
  };
  data?: { params?: Entry[]; metrics?: MetricMessage[] };
}

export interface RegisteredModel {
  name: string;
  creation_timestamp?: Int64;
  last_updated_timestamp?: Int64;
  description?: string;
  tags?: Entry[];
  aliases?: { alias: string; version: string }[];
}

export interface ModelVersion {
  name: string;
  version: string;
  creation_timestamp?: Int64;
  last_updated_timestamp?: Int64;
  user_id?: string;
  current_stage?: string;
  description?: string;
  source?: string;
  run_id?: string;
  run_link?: string;
  model_id?: string;
  status?: string;
  tags?: Entry[];
}

export interface TraceInfo {
  trace_id: string;
  state?: string;
  tags?: Record<string, string>;
  trace_metadata?: Record<string, string>;
  assessments?: object[];
  [field: string]: unknown;
}

export type Span = Record<string, unknown>;

export interface FileEntry {
  /** Below the root that was listed. */
  path: string;
  /** Bytes; undefined where the server doesn't say. */
  size: number | undefined;
}
