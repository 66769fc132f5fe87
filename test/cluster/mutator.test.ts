import { expect, it } from "vitest";
import { EXCUSES } from "./mutator/excuses.ts";
import { findEdges } from "./mutator/edges.ts";
import { judge, verdictText } from "./mutator/judge.ts";
import { proofOf } from "./mutator/wiring-proof.ts";
import { platformFiles, renderFile } from "./support/platforms.ts";

it.each(platformFiles())("the proof finds every broken reference of $name, or there is a reason", (file) => {
  const rendered = renderFile(file);
  const objects = rendered.objects.map(({ object }) => object);
  const proof = proofOf(rendered);
  expect([...proof(objects)]).toEqual([]);
  const verdict = judge(objects, findEdges(objects), proof, EXCUSES, rendered.objects);
  const text = verdictText(verdict);
  console.log(`${file.name}: ${text}`);
  expect(verdict.uncaught.length, text).toBe(0);
});
