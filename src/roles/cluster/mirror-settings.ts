import { dirname } from "node:path/posix";
import type { S3Options } from "../../cli/up-options.ts";
import type { ControlSecrets } from "../artifact-settings.ts";
import { gitMirrorSettings, type GitMirrorSettings } from "../git-mirror-settings.ts";
import { optional, setting, type Environment } from "./settings.ts";
import type { S3Config } from "../../store/s3/config.ts";

const PLACE = {
  allowed:
    "s3://bucket/prefix beside the artifacts, or the absolute path of a folder that all control pods share",
  isRight: (text: string) => text.startsWith("s3://") || text.startsWith("/"),
};

/**
 * Where the repositories are mirrored: in a cluster always, since the next leader may have another volume. Default:
 * `git` beside the prefix of the artifacts in their bucket. SETTING_MISSING where there is no such place.
 */
export function mirrorSettings(
  env: Environment,
  artifacts: { folder: string; s3?: S3Config; how?: S3Options },
): { settings: GitMirrorSettings; secrets: ControlSecrets } {
  const place = optional(env, "SLIPWAY_GIT_MIRROR", PLACE) ?? besides(artifacts.s3);
  const text = place ?? setting(env, "SLIPWAY_GIT_MIRROR", PLACE);
  const gitMirror = text.startsWith("s3://")
    ? { isProxied: true, ...artifacts.how, destination: text }
    : text;
  const found = gitMirrorSettings(env, { gitMirror }, artifacts);
  return found ?? { settings: { folder: text }, secrets: {} };
}

function besides(s3: S3Config | undefined): string | undefined {
  if (s3 === undefined || s3.prefix === "") return undefined;
  const folder = dirname(s3.prefix);
  return `s3://${s3.bucket}/${folder === "." ? "" : `${folder}/`}git`;
}
