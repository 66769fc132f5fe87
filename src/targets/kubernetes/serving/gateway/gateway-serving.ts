import { SlipwayError } from "../../../../http/errors.ts";
import type { AdminCalls } from "../../../../serving/admin/calls.ts";
import type { ServingControl } from "../../../../serving/admin/serving-control.ts";
import type { ProbeAnswer, TrafficRule, VariantRef, VariantSpec } from "../../../../serving/backend.ts";
import type { ServingFigures } from "../../../../serving/figures.ts";
import type { OutcomeReport } from "../../../../serving/outcomes.ts";
import { VARIANT_HEADER } from "../../../../serving/request-id.ts";
import { openKubernetesServing } from "../backend.ts";
import type { KubernetesServing } from "../backend.ts";
import type { KubernetesServingDeps } from "../deps.ts";
import { mergeFigures } from "../merge-figures.ts";
import { within } from "../../../../base/within.ts";
import { Door } from "./door.ts";
import { withoutShare } from "./door-counts.ts";
import { createGatewayClient } from "./gateway-client.ts";
import type { GatewayAnswer, GatewayClient, GatewayDoor } from "./gateway-client.ts";
import { refuseRule } from "./limits.ts";
import type { GatewayPlace } from "./route.ts";
import { Routes } from "./routes.ts";

export interface GatewayServingDeps extends KubernetesServingDeps {
  /** Where services' routes hang. */
  gateway: GatewayPlace;
  /** How control reaches it. */
  door: GatewayDoor;
  /** Shown to a tenant's model pods. */
  tokenOf(tenant: string): string;
}

const PROBE_MS = 35_000;
const ASK_MS = 5_000;
const REACHED_MS = 60_000;
const AGAIN_MS = 250;
const FIGURES_MS = 3_000;

/** Opens it with what the branch says is to run. */
export async function openGatewayServing(deps: GatewayServingDeps): Promise<GatewayServing> {
  // A gateway holds no request for a pod that isn't there.
  const { replicas: _, ...own } = deps;
  return new GatewayServing(deps, await openKubernetesServing({ ...own, isBehindGateway: true }));
}

/**
 * Services whose callers' requests a gateway divides by the weights of an HTTPRoute, between the pods of the variants
 * themselves. Serve pods know all of it too: who asks them, within the cluster or by gRPC, is drawn and counted by them.
 */
export class GatewayServing implements ServingControl {
  readonly #deps: GatewayServingDeps;
  readonly #pods: KubernetesServing;
  readonly #door: Door;
  readonly #routes: Routes;
  readonly #client: GatewayClient;
  /** By service: its changes, one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #stopWatching: () => void = () => undefined;

  constructor(deps: GatewayServingDeps, pods: KubernetesServing) {
    this.#deps = deps;
    this.#pods = pods;
    const { rules } = pods;
    const variants = () => pods.variants();
    this.#door = new Door({ ...deps, variants, inForce: (service) => rules.find(service) });
    this.#routes = new Routes({ ...deps, place: deps.gateway, rules, variants });
    this.#client = createGatewayClient(deps.door);
  }

  start(): void {
    this.#pods.start();
    const services = this.#pods.rules.services();
    this.#door.start(services);
    for (const service of services) this.#look(service);
    this.#stopWatching = this.#deps.pods.onChange(() => {
      for (const service of this.#pods.rules.services()) this.#look(service);
    });
  }

  async prepare(spec: VariantSpec, signal: AbortSignal): Promise<void> {
    await this.#pods.prepare(spec, signal);
    const { service, version } = spec;
    await this.#inTurn(service, () =>
      this.#routes.put(service, `Let version ${version} of ${service} be asked by its number`),
    );
    await this.#reached(spec, signal);
  }

  /** By the very route that callers come by, to the pods that will serve it. */
  async probe(ref: VariantRef, v2Body: string, signal: AbortSignal): Promise<ProbeAnswer> {
    const { service, version } = ref;
    // Its callers, and so its route, speak V1 alone.
    if (!this.#speaksV2(ref)) return this.#pods.probe(ref, v2Body, signal);
    const { clock } = this.#deps;
    const deadline = clock.now() + REACHED_MS;
    const path = `/v2/models/${encodeURIComponent(service)}/infer`;
    for (;;) {
      const asked = { method: "POST", path, body: v2Body, timeoutMs: PROBE_MS } as const;
      const { status, body, headers } = await this.#ask(ref, asked, signal);
      const by = headers[VARIANT_HEADER];
      if (by === String(version)) return { status, body };
      // A gateway of several processes knows a route in one of them before it does in the others.
      if (clock.now() >= deadline)
        throw notReached(ref, `version ${String(by ?? "none")} answered with status ${status}`);
      await clock.sleep(AGAIN_MS, signal);
    }
  }

  async remove(ref: VariantRef): Promise<void> {
    await this.#pods.remove(ref);
    const { service, version } = ref;
    await this.#inTurn(service, () =>
      this.#routes.put(service, `Take version ${version} of ${service} from its route`),
    );
  }

  async route(rule: TrafficRule): Promise<void> {
    refuseRule(rule);
    const { service, commit } = rule;
    await this.#inTurn(service, async () => {
      const before = JSON.stringify(this.#pods.rules.find(service));
      await this.#pods.route(rule);
      const isSame = before === JSON.stringify(this.#pods.rules.find(service));
      if (isSame && !this.#routes.isOther(service)) return;
      await this.#change(service, `Divide ${service} by ${commit.slice(0, 12)}`);
    });
  }

  async unroute(service: string, order: number): Promise<void> {
    await this.#inTurn(service, async () => {
      await this.#pods.unroute(service, order);
      await this.#routes.put(service, `Divide nothing of ${service}`);
      this.#door.forget(service);
    });
  }

  /** The route first, and serve with it; then what pods count it for, and the commit. */
  async stopChallenger(service: string, version: number): Promise<void> {
    const stopped = this.#pods.stopChallenger(service, version);
    const isOther = this.#routes.isOther(service);
    const all = await Promise.allSettled([
      stopped,
      ...(isOther ? [this.#routes.first(service), this.#door.change(service)] : []),
    ]);
    for (const one of all) if (one.status === "rejected") throw one.reason;
    if (!isOther) return;
    this.#door.applied(service);
    await this.#inTurn(service, () => this.#routes.put(service, `Stop version ${version} of ${service}`));
  }

  tenants(): string[] {
    return this.#pods.tenants();
  }

  state: ServingControl["state"] = () => this.#pods.state();

  async outcomes(): Promise<OutcomeReport> {
    const [own, serve] = await Promise.all([this.#door.outcomes(), this.#pods.outcomes()]);
    return {
      ...serve,
      living: [...(serve.living ?? []), ...(own.living ?? [])],
      counters: [...withoutShare(serve.counters), ...own.counters],
    };
  }

  predictions: ServingControl["predictions"] = (cursor, limit, services) =>
    this.#pods.predictions(cursor, limit, services);

  logs: ServingControl["logs"] = (ref, lines) => this.#pods.logs(ref, lines);
  pods: KubernetesServing["pods"] = (ref, lines) => this.#pods.pods(ref, lines);

  async admit(callers: AdminCalls["callers"]["request"]): Promise<{ used: string[] }> {
    const [used, { used: others }] = await Promise.all([
      this.#door.admit(callers),
      this.#pods.admit(callers),
    ]);
    return { used: [...new Set([...used, ...others])] };
  }

  /** Of serve's processes, with the requests that pods answered themselves. */
  async figures(): Promise<ServingFigures> {
    const ofPods = this.#door.controls().map((control) => within(control.figures(), FIGURES_MS));
    const [serve, ...pods] = await Promise.all([this.#pods.figures(), ...ofPods]);
    const none = { residentBytes: 0, cpuSeconds: 0, startedAt: Infinity };
    return mergeFigures([
      serve,
      ...pods.flatMap((one) => (one === undefined ? [] : { ...one, process: none })),
    ]);
  }

  prediction: ServingControl["prediction"] = (requestId) => this.#pods.prediction(requestId);

  samples: KubernetesServing["samples"] = () => this.#pods.samples();

  rollLog: ServingControl["rollLog"] = () => this.#pods.rollLog();

  close(): void {
    this.#stopWatching();
    this.#door.close();
    this.#pods.close();
    this.#client.close();
  }

  /** Its weights may be others by now: a new leader doesn't know which were given, and a challenger's pods come and go. */
  #look(service: string): void {
    if (!this.#routes.isOther(service)) return;
    this.#inTurn(service, async () => {
      if (this.#routes.isOther(service))
        await this.#change(service, `Divide ${service} by the pods that there are`);
    }).catch((error: unknown) => this.#deps.log(error, `dividing ${service}`));
  }

  async #change(service: string, message: string): Promise<void> {
    await this.#door.change(service);
    await this.#routes.put(service, message);
    this.#door.applied(service);
  }

  #inTurn<Result>(service: string, act: () => Promise<Result>): Promise<Result> {
    const turn = (this.#turns.get(service) ?? Promise.resolve()).then(act);
    this.#turns.set(
      service,
      turn.catch(() => undefined),
    );
    return turn;
  }

  /** Until the gateway knows the route, and the pods behind it. */
  async #reached(ref: VariantRef, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const deadline = clock.now() + REACHED_MS;
    const name = encodeURIComponent(ref.service);
    // Of this very version: until the gateway knows its route, the champion's pods answer.
    const path = this.#speaksV2(ref) ? `/v2/models/${name}/versions/${ref.version}/ready` : `/ready/${name}`;
    for (;;) {
      const said = await this.#ask(ref, { method: "GET", path, timeoutMs: ASK_MS }, signal).then(
        ({ status }) => (status === 200 ? undefined : `it answers ${path} with status ${status}`),
        (error: unknown) => (error as Error).message,
      );
      signal.throwIfAborted();
      if (said === undefined) return;
      if (clock.now() >= deadline) throw notReached(ref, said);
      await clock.sleep(AGAIN_MS, signal);
    }
  }

  #speaksV2({ service, version }: VariantRef): boolean {
    const { rules } = this.#pods;
    return !rules.names(service, version) || rules.find(service)?.rule.protocols.includes("v2") === true;
  }

  async #ask(
    { service, version }: VariantRef,
    asked: { method: "GET" | "POST"; path: string; body?: string; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<GatewayAnswer> {
    const own = this.#pods.variants().find((one) => one.service === service && one.version === version);
    if (own === undefined)
      throw new SlipwayError("VARIANT_NOT_READY", `version ${version} of ${service} isn't prepared`);
    const headers = {
      [VARIANT_HEADER]: String(version),
      authorization: `Bearer ${this.#deps.tokenOf(own.tenant)}`,
    };
    return this.#client.ask({ ...asked, headers, signal });
  }
}

function notReached({ service, version }: VariantRef, said: string): SlipwayError {
  return new SlipwayError(
    "VARIANT_NOT_READY",
    `version ${version} of ${service} can't be reached by the gateway: ${said}`,
    { where: `version/${service}/${version}`, details: { cause: "ROUTE_NOT_PROGRAMMED" } },
  );
}
