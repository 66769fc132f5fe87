import { SlipwayError } from "../../http/errors.ts";
import type { ProbeAnswer, VariantRef, VariantSpec } from "../backend.ts";
import { FRAME_KIND } from "../frames.ts";
import { ruleInForce } from "../router/assign.ts";
import type { Router } from "../router/router.ts";
import type { AdminCall, AdminCalls } from "./calls.ts";
import { demandOf } from "./demand.ts";
import { servingFigures } from "./figures.ts";
import { workerLogLines } from "./worker-logs.ts";

export type AdminHandlers = {
  [Call in AdminCall]: (
    request: AdminCalls[Call]["request"],
    signal: AbortSignal,
  ) => Promise<AdminCalls[Call]["answer"]>;
};

const PROBE_MS = 30_000;
const MAX_PAGE = 10_000;

/** What each call does to the router. */
export function adminHandlers(router: Router): AdminHandlers {
  const { rules, variants, snapshot, seen, copies } = router;
  return {
    prepare: (spec, signal) => prepare(router, spec, signal),
    probe: ({ body, ...ref }, signal) => probe(router, ref, body, signal),
    async remove(ref) {
      if (rules.names(ref.service, ref.version))
        throw new SlipwayError("VARIANT_IN_USE", `traffic of ${ref.service} goes to version ${ref.version}`, {
          where: `version/${ref.service}/${ref.version}`,
        });
      const drained = variants.remove(ref);
      await snapshot.save();
      await drained;
      return null;
    },
    async route(rule) {
      for (const version of [rule.champion, rule.challenger])
        if (version !== undefined && variants.find({ service: rule.service, version }) === undefined)
          throw new SlipwayError("VARIANT_NOT_READY", `version ${version} of ${rule.service} isn't prepared`);
      rules.put(rule);
      seen.enter(rule);
      // Copies to a version that the rule names still end by themselves: they were drawn.
      copies.end(rule.service, [rule.champion, rule.challenger]);
      await snapshot.save();
      return null;
    },
    async unroute({ service, order }) {
      rules.remove(service, order);
      seen.leave(service);
      copies.end(service);
      await snapshot.save();
      return null;
    },
    async "stop-challenger"({ service, version }) {
      if (rules.stop(service, version)) copies.end(service);
      await snapshot.save();
      return null;
    },
    async settle({ service, from, to, share }) {
      router.outcomes.settle(service, from, { epoch: to, share });
      return null;
    },
    state: async () => ({
      rules: rules.state().rules.map(ruleInForce),
      variants: variants.states(),
    }),
    outcomes: async () => ({
      at: router.now(),
      incarnation: router.outcomes.incarnation,
      counters: router.outcomes.report(),
      shadows: router.shadows.report(),
      logs: router.samples.report(),
    }),
    figures: async () => servingFigures(router),
    predictions: ({ cursor, limit, services }) =>
      router.log.readAll(cursor, Math.min(Math.max(1, limit), MAX_PAGE), services),
    async prediction({ requestId }) {
      // Whoever asks for a request may ask the log's reader next.
      await router.samples.flush();
      return router.log.find(requestId);
    },
    async "roll-log"() {
      await router.samples.roll();
      return null;
    },
    "log-segments": async () => ({ segments: await router.segments.list() }),
    "log-read": async ({ name, offset, most }) => ({
      bytes: (await router.segments.read(name, offset, most)).toString("base64"),
    }),
    async "log-taken"({ name }) {
      await router.segments.remove(name);
      return null;
    },
    demand: (request, signal) => demandOf(router, request, signal),
    async complete() {
      router.told.isComplete = true;
      await snapshot.save();
      return null;
    },
    callers: async (callers) => ({ used: await router.callers.replace(callers) }),
    logs: ({ lines, ...ref }) => workerLogLines(router.logsDir, ref, lines),
  };
}

async function prepare(router: Router, spec: VariantSpec, signal: AbortSignal): Promise<null> {
  const { pool, isNew } = router.variants.prepare(spec);
  try {
    await pool.ready(signal);
  } catch (error) {
    // Whoever made it takes it away again, unless a rule names it by now.
    if (isNew && !router.rules.names(spec.service, spec.version)) await router.variants.remove(spec);
    throw error;
  }
  await router.snapshot.save();
  return null;
}

function probe(router: Router, ref: VariantRef, body: string, signal: AbortSignal): Promise<ProbeAnswer> {
  const pool = router.variants.find(ref);
  if (pool === undefined)
    throw new SlipwayError("VARIANT_NOT_READY", `version ${ref.version} of ${ref.service} isn't prepared`);
  return new Promise((resolve, reject) => {
    const end = (act: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      act();
    };
    const request = pool.request(FRAME_KIND.v2, Buffer.from(body), PROBE_MS, (answer) =>
      end(() => {
        if (answer !== "lost") return resolve({ status: answer.status, body: answer.body.toString("utf8") });
        return resolve({ status: 500, body: '{"error":"the model\'s worker died on this request, twice"}' });
      }),
    );
    const giveUp = (error: Error) => {
      request.cancel();
      end(() => reject(error));
    };
    const onAbort = () => giveUp(signal.reason as Error);
    const timer = setTimeout(
      () => giveUp(new SlipwayError("TIMEOUT", "the version doesn't answer")),
      PROBE_MS,
    );
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
