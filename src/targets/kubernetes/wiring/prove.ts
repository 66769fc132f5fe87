import { formatPath } from "../../../spec/issue.ts";
import { identityKey, identityOf } from "../object.ts";
import type { Rendered, RenderedObject } from "../render/rendered.ts";
import { accessFindings } from "./access-proof.ts";
import { edgesIn } from "./edges.ts";
import type { Finding } from "./finding.ts";
import { lockFindings } from "./lock-proof.ts";
import { networkFindings } from "./network-proof.ts";
import { openedRules } from "./opened-rules.ts";
import { resolve } from "./resolve.ts";
import { scrapeFindings } from "./scrape-proof.ts";
import { World } from "./world.ts";

/**
 * Holds everything that one rendered object names against what the others make, what controllers are known to make
 * and what is stated as given. Pure; no finding of severity `error`: the wiring is whole as far as it can be known.
 * `kubernetesVersion` is a minor version, such as `1.36`.
 */
export function proveWiring(rendered: Rendered, kubernetesVersion: string): Finding[] {
  const world = new World(rendered, kubernetesVersion);
  return unique([
    ...edgeFindings(world),
    ...networkFindings(world),
    ...openedRules(world),
    ...accessFindings(world),
    ...lockFindings(world),
    ...scrapeFindings(world),
  ]);
}

function* edgeFindings(world: World): Iterable<Finding> {
  for (const one of edgesIn(world)) {
    const outcome = resolve(world, one);
    if (outcome.state !== "found")
      yield {
        code: one.code,
        message: `${nameOf(one.object)} counts at ${formatPath(one.at)} on what isn't there: ${outcome.message}`,
        from: one.object.from,
        severity: outcome.state === "missing" ? "error" : "unverified",
        object: nameOf(one.object),
        at: one.at,
      };
  }
}

export function nameOf({ object }: RenderedObject): string {
  return identityKey(identityOf(object));
}

/**
 * Two labels of one selector, or an address that stands twice in a text, are one finding; so is all that counts on the
 * same thing that can't be known.
 */
function unique(findings: readonly Finding[]): Finding[] {
  const seen = new Map<string, Finding>();
  for (const finding of findings) {
    const cause = finding.severity === "error" ? finding.message : finding.message.replace(/^.*there: /, "");
    const key = `${finding.code} ${cause}`;
    if (!seen.has(key)) seen.set(key, finding);
  }
  return [...seen.values()];
}
