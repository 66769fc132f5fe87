import { parseProject } from "../spec/parse.ts";
import type { RolloutPolicy, ServingSpec } from "../spec/project.ts";

/** What holds for a service that no project describes: the defaults of slipway.yaml. */
export function policyDefaults(): {
  policy: RolloutPolicy;
  serving: ServingSpec;
} {
  const parsed = parseProject(
    "apiVersion: slipway/v1\nkind: Project\nname: defaults\nmodel: { name: defaults }\n",
    "defaults",
  );
  if (!parsed.ok) throw new Error(`the defaults don't parse: ${parsed.problems[0]?.message}`);
  return { policy: parsed.value.rollout, serving: parsed.value.serving };
}
