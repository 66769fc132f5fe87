import { SlipwayError } from "../../../../http/errors.ts";
import type { RuleBook } from "../../../../serving/router/rule-book.ts";
import { shareInForce } from "../../../../serving/router/assign.ts";
import { fileOf } from "../branch-state.ts";
import type { Cause } from "../causes.ts";
import type { KubernetesServingDeps } from "../deps.ts";
import { DOOR_PORT_NAME, namespaceOf } from "../names.ts";
import { endpointsOf } from "../pods.ts";
import { podsOf } from "../pods-ready.ts";
import type { PodVariant } from "../variant.ts";
import { renderRoute, routePath } from "./route.ts";
import type { GatewayPlace, ServiceRoute } from "./route.ts";

export interface RoutesDeps extends Pick<KubernetesServingDeps, "branch" | "carrier" | "namespace" | "pods"> {
  place: GatewayPlace;
  rules: RuleBook;
  variants(): readonly PodVariant[];
}

/** The HTTPRoutes of services: what they are to say, and how it comes to be so. */
export class Routes {
  readonly #deps: RoutesDeps;
  /** Services whose champion's pods were ready for callers: others are left to serve, as before there was a gateway. */
  readonly #open = new Set<string>();
  /** By service: the weights that the gateway was given last. */
  readonly #weights = new Map<string, string>();

  constructor(deps: RoutesDeps) {
    this.#deps = deps;
  }

  /** True when the service's weights are to be others than those that were given last. */
  isOther(service: string): boolean {
    return this.#weights.get(service) !== weightsOf(this.#wanted(service));
  }

  /** Committed, and as it is to be in the cluster. ROUTE_REFUSED when the cluster doesn't take it. */
  async put(service: string, message: string): Promise<void> {
    const { branch, carrier } = this.#deps;
    const wanted = this.#wanted(service);
    const path = routePath(wanted.namespace, service);
    this.#weights.delete(service);
    await branch.commit(new Map([[path, this.#text(wanted)]]), message);
    const { commit, files } = await branch.read();
    if (commit !== null) refuse(service, (await carrier.carryOut(commit, files)).get(path));
    this.#weights.set(service, weightsOf(wanted));
  }

  /** In force before it is committed: towards the champion nothing is waited for. */
  async first(service: string): Promise<void> {
    const wanted = this.#wanted(service);
    const text = this.#text(wanted);
    if (text === null) return;
    refuse(service, await this.#deps.carrier.first?.(routePath(wanted.namespace, service), text));
    this.#weights.set(service, weightsOf(wanted));
  }

  #text(wanted: ServiceRoute): string | null {
    const route = renderRoute(wanted, this.#deps.place);
    return route === undefined ? null : fileOf([route]);
  }

  #wanted(service: string): ServiceRoute {
    const { rules, namespace } = this.#deps;
    const own = this.#deps.variants().filter((variant) => variant.service === service);
    const inForce = rules.find(service);
    const rule = inForce?.rule;
    const route = {
      service,
      namespace: namespaceOf(namespace, rule?.tenant ?? own[0]?.tenant),
      prepared: own.map(({ version }) => version),
      share: 0,
    };
    if (inForce === undefined || rule === undefined) return route;
    const { champion, challenger } = rule;
    if (!this.#isOpen(service, champion)) return route;
    if (challenger === undefined) return { ...route, champion };
    // What a gateway would send to nobody's pods it answers itself, and nobody counts that.
    const share = this.#isThere(service, challenger) ? shareInForce(inForce) : 0;
    return { ...route, champion, challenger, share };
  }

  #isOpen(service: string, champion: number): boolean {
    if (this.#isThere(service, champion)) this.#open.add(service);
    return this.#open.has(service);
  }

  #isThere(service: string, version: number): boolean {
    return endpointsOf(podsOf(this.#deps.pods, { service, version }), DOOR_PORT_NAME).length > 0;
  }
}

function weightsOf({ champion, challenger, share }: ServiceRoute): string {
  return JSON.stringify([champion, challenger, share]);
}

function refuse(service: string, cause: Cause | undefined): void {
  if (cause !== undefined)
    throw new SlipwayError("ROUTE_REFUSED", `the route of ${service}: ${cause.message}`, {
      where: `service/${service}`,
      details: { cause: cause.code },
    });
}
