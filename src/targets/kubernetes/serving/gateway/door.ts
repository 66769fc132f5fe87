import type { Clock } from "../../../../base/clock.ts";
import type { ServingControl } from "../../../../serving/admin/serving-control.ts";
import type { OutcomeReport } from "../../../../serving/outcomes.ts";
import type { RuleInForce } from "../../../../serving/router/assign.ts";
import type { KubernetesServingDeps } from "../deps.ts";
import { KnownCallers } from "../known-callers.ts";
import type { Callers } from "../known-callers.ts";
import { MANAGED_BY, MANAGER, VARIANT_LABEL, tenantIn, variantName } from "../names.ts";
import { ServeFleet } from "../serve-fleet.ts";
import type { Member } from "../serve-fleet.ts";
import type { PodVariant } from "../variant.ts";
import { within } from "../../../../base/within.ts";
import { callersOf, ruleOf } from "./door-rule.ts";
import { DoorCounts } from "./door-counts.ts";
import { Division } from "./division.ts";
import type { Closing, Divided } from "./division.ts";
import { isOpenEpoch, leftOutEpoch } from "./epochs.ts";
import { isIntervalOver } from "./observed-share.ts";

export interface DoorDeps extends Pick<
  KubernetesServingDeps,
  "pods" | "portName" | "signal" | "log" | "gone" | "incarnation" | "namespace"
> {
  clock: Clock;
  /** Shown to the pods of a tenant. */
  tokenOf(tenant: string): string;
  variants(): readonly PodVariant[];
  inForce(service: string): RuleInForce | undefined;
}

const OUTCOMES_MS = 3_000;
const TICK_MS = 1_000;

/** Model pods that a gateway sends requests to: who may call them, what they count, and in which intervals. */
export class Door {
  readonly #deps: DoorDeps;
  readonly #fleet: ServeFleet;
  readonly #counts: DoorCounts;
  readonly #divisions = new Map<string, Division>();
  /** What each process was told last; its rules are numbered by us. */
  readonly #told = new WeakMap<Member, { epoch: string; order: number }>();
  readonly #callers = new KnownCallers();

  constructor(deps: DoorDeps) {
    this.#deps = deps;
    this.#counts = new DoorCounts(deps.incarnation);
    this.#fleet = new ServeFleet({
      ...deps,
      labels: { [MANAGED_BY]: MANAGER },
      token: ({ metadata }) => deps.tokenOf(tenantIn(deps.namespace, metadata.namespace ?? "")),
      welcome: (control, signal, member) => this.#welcome(control, signal, member),
      left: (pod) => this.#keep(this.#counts.leave(pod)),
    });
  }

  /** @param services that have a rule by now: what their weights were last is not known for sure */
  start(services: readonly string[]): void {
    const at = this.#deps.clock.now();
    for (const service of services)
      if (!this.#divisions.has(service))
        this.#divisions.set(service, new Division(this.#deps.incarnation, this.#divided(service), at));
    this.#fleet.start();
    void this.#run();
  }

  close(): void {
    this.#fleet.close();
  }

  /** The service's rule or weights become others: what comes from now on is in no test, until `applied` was some time ago. */
  async change(service: string): Promise<void> {
    const at = this.#deps.clock.now();
    const divided = this.#divided(service);
    const division = this.#divisions.get(service);
    if (division === undefined)
      this.#divisions.set(service, new Division(this.#deps.incarnation, divided, at));
    else division.change(divided, at);
    await this.#tell(service);
  }

  /** The gateway has been given the weights. */
  applied(service: string): void {
    this.#divisions.get(service)?.applied(this.#deps.clock.now());
  }

  /** The service has no rule any more. */
  forget(service: string): void {
    this.#divisions.delete(service);
  }

  async admit(callers: Callers): Promise<string[]> {
    this.#callers.say(callers);
    const used = new Set<string>();
    await this.#fleet.all(async (control, member) => {
      const variant = this.#variant(member.labels);
      if (variant === undefined) return;
      for (const id of (await control.admit(callersOf(callers, variant.tenant))).used) used.add(id);
    });
    return [...used];
  }

  /** Of a pod that doesn't answer, what it said last. */
  async outcomes(): Promise<OutcomeReport> {
    await this.#read(() => true);
    return this.#counts.report(this.#deps.clock.now());
  }

  controls(): ServingControl[] {
    return this.#fleet.members().map(({ control }) => control);
  }

  async #run(): Promise<void> {
    const { clock, signal, log } = this.#deps;
    while (!signal.aborted) {
      const steps = [...this.#divisions].map(([service, division]) =>
        this.#step(service, division).catch((error: unknown) => {
          if (!signal.aborted) log(error, `counting what a gateway sent to ${service}`);
        }),
      );
      await Promise.all(steps);
      await clock.sleep(TICK_MS, signal).catch(() => undefined);
    }
  }

  async #step(service: string, division: Division): Promise<void> {
    const { clock } = this.#deps;
    division.settles(clock.now());
    await this.#tell(service);
    if (division.isDividing && division.closing === undefined) {
      await this.#read((member) => this.#isOf(service, member));
      const units = this.#counts.started(service, division.epoch);
      if (isIntervalOver(units, clock.now() - division.beganAt)) {
        division.close(clock.now());
        await this.#tell(service);
      }
    }
    const { closing } = division;
    if (closing !== undefined) await this.#finish(service, division, closing);
  }

  /** An interval is counted where it belongs, once all of its units are known; what can't be done yet is tried again. */
  async #finish(service: string, division: Division, closing: Closing): Promise<void> {
    const isOf = (member: Member): boolean => this.#isOf(service, member);
    const isRead = await this.#read(isOf);
    if (closing.to === undefined && !isRead) return;
    const to = division.decide(closing, this.#counts.started(service, closing.epoch));
    const interval = { service, from: closing.epoch, to: to.epoch, share: to.share };
    await this.#fleet.all((_, { client }) => client.call("settle", interval), isOf);
    await this.#read(isOf);
    await this.#kept(this.#counts.settle(interval));
    division.closed(closing);
  }

  /** Every pod of the service counts under what is in force now; one that does already isn't told again. */
  async #tell(service: string): Promise<void> {
    await this.#fleet.all(
      async (control, member) => {
        const variant = this.#variant(member.labels);
        if (variant !== undefined) await this.#rule(control, member, variant);
      },
      (member) => this.#isOf(service, member),
    );
  }

  async #rule(control: ServingControl, member: Member, variant: PodVariant): Promise<void> {
    const { service } = variant;
    const epoch = this.#divisions.get(service)?.epoch ?? "";
    const told = this.#told.get(member) ?? { epoch: undefined, order: 0 };
    if (told.epoch === epoch) return;
    const order = told.order + 1;
    await control.route(ruleOf(variant, { epoch, order, inForce: this.#deps.inForce(service) }));
    this.#told.set(member, { epoch, order });
  }

  /** All that a process must know before requests come to it; what an earlier leader had begun is brought to its end. */
  async #welcome(control: ServingControl, signal: AbortSignal, member: Member): Promise<void> {
    const callers = await this.#callers.latest(signal);
    const variant = await this.#known(member, signal);
    await control.admit(callersOf(callers, variant.tenant));
    const { rules } = await control.state();
    const order = Math.max(0, ...rules.map((rule) => rule.order));
    this.#told.set(member, { epoch: "unknown", order });
    await this.#rule(control, member, variant);
    const { counters } = await control.outcomes();
    const { service } = variant;
    const own = this.#divisions.get(service);
    const goesOn = new Set([own?.epoch, own?.closing?.epoch]);
    for (const from of new Set(counters.map(({ epoch }) => epoch)))
      if (isOpenEpoch(from) && !goesOn.has(from))
        await member.client.call("settle", { service, from, to: leftOutEpoch(from), share: 0 });
  }

  /** True when all that are there answered. */
  async #read(isMeant: (member: Member) => boolean): Promise<boolean> {
    const read = await Promise.all(
      this.#fleet
        .members()
        .filter(isMeant)
        .map(async ({ pod, control }) => {
          const report = await within(control.outcomes(), OUTCOMES_MS);
          if (report !== undefined) await this.#kept(this.#counts.observe(pod, report));
          return report !== undefined;
        }),
    );
    return !read.includes(false);
  }

  #divided(service: string): Divided {
    const { rule, stopped = false } = this.#deps.inForce(service) ?? {};
    const isTrial = rule?.challenger !== undefined && rule.share > 0 && rule.share < 1;
    return { commit: rule?.commit ?? "", isTrial, isStopped: stopped };
  }

  #variant(labels: Readonly<Record<string, string>>): PodVariant | undefined {
    return this.#deps.variants().find((variant) => variantName(variant) === labels[VARIANT_LABEL]);
  }

  /** It is being removed, and may be made again before its pods are gone: until then they aren't told anything, nor ready. */
  async #known({ labels }: Member, signal: AbortSignal): Promise<PodVariant> {
    for (;;) {
      const variant = this.#variant(labels);
      if (variant !== undefined) return variant;
      await this.#deps.clock.sleep(TICK_MS, signal);
    }
  }

  #isOf(service: string, { labels }: Member): boolean {
    return this.#variant(labels)?.service === service;
  }

  #keep(reports: readonly OutcomeReport[]): void {
    this.#kept(reports).catch((error: unknown) =>
      this.#deps.log(error, "keeping what a model pod had counted"),
    );
  }

  async #kept(reports: readonly OutcomeReport[]): Promise<void> {
    for (const report of reports) await this.#deps.gone.keep(report);
  }
}
