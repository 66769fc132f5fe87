/** Of what is brought one by one, and noted when it is there whole. */
export const KINDS = ["experiment", "run", "logged-model", "registered-model", "trace"] as const;
export type Kind = (typeof KINDS)[number];
/** What has files. */
export const FILE_KINDS = ["run", "logged-model", "trace"] as const;
export type FileKind = (typeof FILE_KINDS)[number];
