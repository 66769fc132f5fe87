/** What `slipway up` was asked for; paths are absolute, and what isn't built has been refused. */
export interface UpOptions {
  dataDir: string;
  host: string;
  /** 0 picks a free one. */
  port: number;
  /** Names beyond loopback and `host` that the Host header may carry. */
  allowedHosts: string[];
  /** SQLite file; undefined: in the data folder. */
  storeFile?: string;
  /** Folder behind the proxied artifact API; undefined: in the data folder. */
  artifactsDir?: string;
  /** Where new experiments put artifacts. */
  artifactRoot: string;
  /** Of one file in a push, in bytes. */
  maxFileBytes: number;
  /** The first line on stdout is one JSON object. */
  json: boolean;
}
