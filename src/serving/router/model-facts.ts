import { platformOf } from "../worker-arguments.ts";
import type { TensorSpec } from "../worker-arguments.ts";
import type { PredictionDeps } from "./prediction-deps.ts";
import type { VariantPool } from "./variant-pool.ts";

export type FactDeps = Pick<PredictionDeps, "rules" | "variants">;

/** What Open Inference tells of a model. */
export interface ModelFacts {
  name: string;
  /** All that are prepared. */
  versions: string[];
  platform: string;
  inputs: TensorSpec[];
  outputs: TensorSpec[];
}

/** The pool of a service's version, or of its champion; undefined when there is none. */
export function poolOf(
  service: string,
  version: number | undefined,
  { rules, variants }: FactDeps,
): VariantPool | undefined {
  const rule = rules.find(service)?.rule;
  return rule === undefined ? undefined : variants.find({ service, version: version ?? rule.champion });
}

/** The server is ready when every service's champion is. */
export function isServerReady(deps: FactDeps): boolean {
  return deps.rules.services().every((service) => poolOf(service, undefined, deps)?.isReady === true);
}

/** undefined until the model has been loaded once. */
export function modelFacts(name: string, pool: VariantPool, deps: FactDeps): ModelFacts | undefined {
  if (pool.metadata === undefined) return undefined;
  const { inputs, outputs } = pool.metadata;
  const versions = deps.variants
    .specs()
    .flatMap((spec) => (spec.service === name ? [String(spec.version)] : []));
  return { name, versions, platform: platformOf(pool.spec.format), inputs, outputs };
}

export function unknownModel(name: string, version: number | string | undefined): string {
  const which = version === undefined || version === "" ? "" : ` in version ${version}`;
  return `no service serves a model named ${JSON.stringify(name)}${which}`;
}
