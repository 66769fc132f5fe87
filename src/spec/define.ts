import { stringify } from "yaml";
import type { PlatformInput } from "./platform/schema.ts";
import type { ProjectInput } from "./schema.ts";

export type { ProjectInput } from "./schema.ts";

/**
 * For a project that is authored in TypeScript: gives the editor the types and returns what it is given.
 * `export default defineProject({ … })` in slipway.ts; `slipway validate slipway.ts --write` makes slipway.yaml of it.
 */
export function defineProject(input: ProjectInput): ProjectInput {
  return input;
}

/** For a platform: `export default definePlatform({ … })` in platform.ts, and `slipway validate platform.ts --write`. */
export function definePlatform(input: PlatformInput): PlatformInput {
  return input;
}

/** The YAML that is committed and pushed: the platform never evaluates TypeScript. */
export function projectToYaml(input: ProjectInput | PlatformInput): string {
  return stringify(input, { lineWidth: 110, aliasDuplicateObjects: false, version: "1.2" });
}
