import type { PostgresAddress } from "../store/postgres/address.ts";
import type { SignInOptions } from "./sign-in-options.ts";

/** What `slipway up` was asked for; paths are absolute, and what isn't built has been refused. */
export interface UpOptions {
  dataDir: string;
  host: string;
  /** 0 picks a free one. */
  port: number;
  /** Of gRPC; 0 picks a free one, undefined the usual one where it is free. */
  grpcPort?: number;
  /** Names beyond loopback and `host` that the Host header may carry. */
  allowedHosts: string[];
  /** SQLite file; undefined: in the data folder. */
  storeFile?: string;
  /** PostgreSQL instead. */
  postgres?: PostgresAddress;
  /** Its first line is the password. */
  storePasswordFile?: string;
  /** Folder behind the proxied artifact API; undefined: in the data folder. */
  artifactsDir?: string;
  /** An S3-compatible store behind it instead. */
  artifactsS3?: S3Options;
  /** Folder or S3-compatible store to which every push goes before it is acknowledged. */
  gitMirror?: string | S3Options;
  /** Of one artifact, in bytes. */
  maxArtifactBytes: number;
  /** Where new experiments put artifacts; the platform opens it only when it is `mlflow-artifacts:`. */
  artifactRoot: string;
  /** Absolute: where the command was given. */
  workingDir: string;
  /** Of one file in a push, in bytes. */
  maxFileBytes: number;
  /** Days for which the audit log is kept. */
  auditDays: number;
  signIn: SignInOptions;
  /** The first line on stdout is one JSON object. */
  json: boolean;
}

/** `--artifacts s3://…` or `--git-mirror s3://…`, and what belongs to it. */
export interface S3Options {
  /** `s3://bucket/prefix`. */
  destination: string;
  /** Address of a store other than AWS's. */
  endpoint?: string;
  region?: string;
  /** The bucket's name in the path, not in the host. */
  pathStyle?: boolean;
  /** Clients get no addresses of the store itself. */
  isProxied: boolean;
}
