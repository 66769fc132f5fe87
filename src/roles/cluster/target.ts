import { lookup } from "node:dns/promises";
import { SlipwayError } from "../../http/errors.ts";
import { sampleSource } from "../../serving/admin/sample-source.ts";
import { createServePods, type ServePods } from "../../serving/admin/serve-pods.ts";
import type { ServingControl } from "../../serving/admin/serving-control.ts";
import { childrenEngine } from "../children-engine.ts";
import type { OpenTarget } from "../control-target.ts";
import { openArgo } from "./argo.ts";
import type { ControlSettings } from "./control-settings.ts";
import { openServing } from "./serving.ts";
import { adminToken } from "./internal-tokens.ts";

/** Between two looks for serve pods that haven't been told everything. */
const LOOK_EVERY_MS = 1_000;

/** What a control pod that leads works with: all serve pods; steps in pods of their own, or as its own children. */
export function openClusterTarget({ config, serve, argo, serving }: ControlSettings): OpenTarget {
  return async (deps) => {
    const { clock, signal } = deps;
    const pods = createServePods({
      at: serve,
      token: adminToken(config.internalToken),
      clock,
      lookup: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
    });
    const models = serving && (await openServing(serving, deps));
    const backend = models?.backend ?? everyPod(pods);
    const pipelines = argo && (await openArgo(argo, deps));
    return {
      name: "kubernetes",
      isGatewayRouted: serving?.gateway !== undefined,
      backend,
      samples: async () =>
        models?.backend.samples() ?? (await pods.find()).map(({ client }) => sampleSource(client)),
      engine: pipelines?.engine ?? (await childrenEngine(deps)),
      routes(app) {
        pipelines?.routes(app);
        models?.routes(app);
      },
      start() {
        if (models !== undefined) return models.start();
        void (async () => {
          while (!signal.aborted) {
            const found = await pods.find().catch(() => []);
            await Promise.allSettled(found.map(({ client }) => client.call("complete", null)));
            await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
          }
        })();
      },
    };
  };
}

/** Tells every serve pod, and asks the first that there is. */
function everyPod(pods: ServePods): ServingControl {
  const all = async (tell: (one: ServingControl) => Promise<unknown>): Promise<void> => {
    await Promise.all((await pods.find()).map(({ serving }) => tell(serving)));
  };
  const first = async (): Promise<ServingControl> => {
    const [pod] = await pods.find();
    if (pod === undefined) throw new SlipwayError("SERVE_UNREACHABLE", "there is no serve pod");
    return pod.serving;
  };
  return {
    prepare: (spec, signal) => all((one) => one.prepare(spec, signal)),
    probe: async (ref, body, signal) => (await first()).probe(ref, body, signal),
    remove: (ref) => all((one) => one.remove(ref)),
    route: (rule) => all((one) => one.route(rule)),
    unroute: (service, order) => all((one) => one.unroute(service, order)),
    stopChallenger: (service, version) => all((one) => one.stopChallenger(service, version)),
    state: async () => (await first()).state(),
    outcomes: async () => (await first()).outcomes(),
    predictions: async (cursor, limit, services) => (await first()).predictions(cursor, limit, services),
    logs: async (ref, lines) => (await first()).logs(ref, lines),
    figures: async () => (await first()).figures(),
    prediction: async (requestId) => (await first()).prediction(requestId),
    rollLog: () => all((one) => one.rollLog()),
    async admit(callers) {
      const used = (await pods.find()).map(({ serving }) => serving.admit(callers));
      return { used: [...new Set((await Promise.all(used)).flatMap((one) => one.used))] };
    },
    close: () => pods.close(),
  };
}
