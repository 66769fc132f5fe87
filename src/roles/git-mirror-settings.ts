import { resolve, sep } from "node:path";
import type { S3Options, UpOptions } from "../cli/up-options.ts";
import { SlipwayError } from "../http/errors.ts";
import type { S3Config } from "../store/s3/config.ts";
import { s3Settings, type ControlSecrets } from "./artifact-settings.ts";

/** `--git-mirror`: where every update of a repository goes before it is acknowledged. Nothing here is secret. */
export type GitMirrorSettings = { folder: string } | { s3: S3Config; caFile?: string };

/**
 * Undefined without the option. Its store is reached as the artifacts' is, with the same keys. USAGE when one of the two
 * places lies within the other: callers could read and change the repositories there.
 */
export function gitMirrorSettings(
  env: Readonly<Record<string, string | undefined>>,
  options: Pick<UpOptions, "gitMirror">,
  artifacts: { folder: string; s3?: S3Config },
): { settings: GitMirrorSettings; secrets: ControlSecrets } | undefined {
  const given = options.gitMirror;
  if (given === undefined) return undefined;
  if (typeof given === "string") {
    const folder = resolve(given);
    if (artifacts.s3 === undefined) requireApart(folder, resolve(artifacts.folder), sep);
    return { settings: { folder }, secrets: {} };
  }
  return inS3(env, given, artifacts.s3);
}

function inS3(
  env: Readonly<Record<string, string | undefined>>,
  given: S3Options,
  artifacts: S3Config | undefined,
): { settings: GitMirrorSettings; secrets: ControlSecrets } {
  const { s3, caFile, secret } = s3Settings(env, given, "--git-mirror");
  if (artifacts !== undefined && artifacts.bucket === s3.bucket && artifacts.endpoint === s3.endpoint)
    requireApart(s3.prefix, artifacts.prefix, "/");
  return { settings: { s3, ...(caFile === undefined ? {} : { caFile }) }, secrets: { s3: secret } };
}

function requireApart(mirror: string, artifacts: string, separator: string): void {
  const below = (path: string, folder: string): boolean =>
    folder === "" || path === folder || path.startsWith(`${folder}${separator}`);
  if (!below(mirror, artifacts) && !below(artifacts, mirror)) return;
  throw new SlipwayError(
    "USAGE",
    "the mirror of the repositories and the artifacts need places of their own",
    {
      where: "--git-mirror",
      given: mirror === "" ? "the whole bucket" : mirror,
      allowed: "a place that neither holds the artifacts nor lies among them",
    },
  );
}
