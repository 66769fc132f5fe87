import { expect, it } from "vitest";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { EXCUSES } from "../../../cluster/mutator/excuses.ts";
import { findEdges } from "../../../cluster/mutator/edges.ts";
import { judge, verdictText } from "../../../cluster/mutator/judge.ts";
import { proofOf } from "../../../cluster/mutator/wiring-proof.ts";
import { whole } from "../wiring/platform.ts";

const PODS = { namespace: "apps", labels: { app: "web" } };
const USE = {
  serviceAccount: { namespace: "apps", name: "web" },
  where: ["apps"],
  component: "slipway",
  why: "test",
};
/** What components state beside their objects. */
const STATED: Pick<Rendered, "access" | "emits"> = {
  access: [
    { ...USE, verbs: ["get"], group: "", resource: "pods" },
    { ...USE, verbs: ["get"], group: "", resource: "pods/log" },
    { ...USE, verbs: ["list"], group: "example.com", resource: "widgets" },
  ],
  emits: [
    {
      component: "slipway",
      pods: PODS,
      port: "metrics",
      metrics: [
        { name: "web_requests_total", type: "counter", labels: ["code"] },
        { name: "web_seconds", type: "histogram", labels: ["code"] },
      ],
    },
  ],
};

it("finds every broken reference of one object of each kind, or says why not", () => {
  const rendered = { ...whole(), ...STATED };
  const objects = rendered.objects.map(({ object }) => object);
  const proof = proofOf(rendered);
  expect([...proof(objects)]).toEqual([]);
  const verdict = judge(objects, findEdges(objects), proof, EXCUSES);
  expect(verdict.uncaught.length, verdictText(verdict)).toBe(0);
  expect(verdict.total).toBeGreaterThan(200);
});
