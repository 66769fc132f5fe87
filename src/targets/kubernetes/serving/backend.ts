import type { PodReport } from "../../../base/pod-report.ts";
import { sampleSource } from "../../../serving/admin/sample-source.ts";
import type { SampleSource } from "../../../serving/admin/sample-source.ts";
import type { ServingControl } from "../../../serving/admin/serving-control.ts";
import type {
  ProbeAnswer,
  TrafficRule,
  VariantRef,
  VariantSpec,
  VariantState,
} from "../../../serving/backend.ts";
import type { ServingFigures } from "../../../serving/figures.ts";
import type { FoundPrediction, OutcomeReport, PredictionPage } from "../../../serving/outcomes.ts";
import { ruleInForce } from "../../../serving/router/assign.ts";
import { RuleBook } from "../../../serving/router/rule-book.ts";
import { answersOf, findPrediction } from "./ask-all.ts";
import { bringUpToDate } from "./bring-up-to-date.ts";
import {
  fileOf,
  readBranch,
  renderTraffic,
  trafficPath,
  trafficRecord,
  variantPath,
} from "./branch-state.ts";
import { notCarriedOut } from "./causes.ts";
import type { Cause } from "./causes.ts";
import type { KubernetesServingDeps } from "./deps.ts";
import { withFormerKind } from "./former-kind.ts";
import { KnownCallers } from "./known-callers.ts";
import type { Callers } from "./known-callers.ts";
import { mergeFigures } from "./merge-figures.ts";
import { OutcomeMerge } from "./merge-outcomes.ts";
import { namespaceOf, variantName } from "./names.ts";
import { endpointsToAsk } from "./pods.ts";
import { podsOf } from "./pods-ready.ts";
import { readPages } from "./prediction-pages.ts";
import { containerOf, renderVariant } from "./render-variant.ts";
import { renewVariants } from "./renew.ts";
import { inUse, notPrepared, otherFiles } from "./refusals.ts";
import { ScaleToZero } from "./scale-to-zero.ts";
import { ServeFleet, nobody } from "./serve-fleet.ts";
import { specOf, variantKey, variantOf } from "./variant.ts";
import type { PodVariant } from "./variant.ts";
import { VariantHealth } from "./variant-health.ts";
import { within } from "../../../base/within.ts";

const TELL_MS = 5_000;
const OUTCOMES_MS = 3_000;

/** Opens the backend with what the branch says is to run. */
export async function openKubernetesServing(deps: KubernetesServingDeps): Promise<KubernetesServing> {
  const { files } = await deps.branch.read();
  const { variants, rules } = readBranch(files);
  const merge = new OutcomeMerge(deps.incarnation, await deps.gone.list());
  return new KubernetesServing(deps, variants, new RuleBook(rules), merge);
}

/**
 * Serves variants by pods: what is to run stands in a branch of the environment repository, the cluster carries it out, and
 * every serve pod is told of variants, their pods and the rules.
 */
export class KubernetesServing implements ServingControl {
  readonly #deps: KubernetesServingDeps;
  readonly #variants: Map<string, PodVariant>;
  readonly #rules: RuleBook;
  readonly #merge: OutcomeMerge;
  readonly #fleet: ServeFleet;
  readonly #zero: ScaleToZero;
  /** By variant: the endpoints that serve pods were told last. */
  readonly #told = new Map<string, string>();
  readonly #health: VariantHealth;
  readonly #callers = new KnownCallers();
  #stopWatching: () => void = () => undefined;

  constructor(
    deps: KubernetesServingDeps,
    variants: readonly PodVariant[],
    rules: RuleBook,
    merge: OutcomeMerge,
  ) {
    this.#deps = deps;
    this.#variants = new Map(variants.map((variant) => [variantKey(variant), variant]));
    this.#rules = rules;
    this.#merge = merge;
    this.#health = new VariantHealth({ ...deps, isAsleep: (variant) => this.#zero.isAsleep(variant) });
    this.#fleet = new ServeFleet({
      ...deps,
      labels: deps.serveLabels,
      welcome: (control, signal) => this.#welcome(control, signal),
      left: (pod) => this.#left(pod),
    });
    const members = () => this.#fleet.members();
    this.#zero = new ScaleToZero({ ...deps, rules, members, variants: () => this.#variants.values() });
  }

  /** Begins to follow pods and to carry out what the branch says. What pods there are should be known by then. */
  start(): void {
    for (const variant of this.#variants.values())
      if (this.#rules.names(variant.service, variant.version))
        this.#told.set(variantKey(variant), this.#endpoints(variant).join());
    this.#stopWatching = this.#deps.pods.onChange(() => this.#look());
    this.#fleet.start();
    void this.#zero.run();
    void this.#carryOut()
      .catch((error: unknown) => this.#deps.log(error, "carrying out the branch"))
      .then(() => this.#renew())
      .catch((error: unknown) => {
        if (!this.#deps.signal.aborted) this.#deps.log(error, "renewing the pods of models");
      });
  }

  /** Variants that another version of the platform wrote become this one's. */
  async #renew(): Promise<void> {
    const { signal, image, branch } = this.#deps;
    const { files } = await branch.read();
    await renewVariants([...this.#variants.values()], {
      ...this.#health.waiting(signal),
      image,
      // Whatever has gone or was prepared anew in the meantime is as it should be.
      isOld: (variant) =>
        this.#variants.get(variantKey(variant)) === variant &&
        this.#rules.names(variant.service, variant.version) &&
        files.get(this.#pathOf(variant)) !== this.#fileOf(variant),
      mayHaveNone: (variant) => this.#zero.mayHaveNone(variant),
      container: containerOf(this.#deps),
      renew: (variant) => {
        const file = withFormerKind(this.#fileOf(variant), files.get(this.#pathOf(variant)));
        return this.#write(variant, `Render ${variantName(variant)} for ${image}`, signal, file);
      },
      settle: (variant) => this.#write(variant, `Leave ${variantName(variant)} to its new pods`, signal),
    });
  }

  /** Its objects, as the cluster has taken them. Rejects with what was refused. */
  async #write(
    variant: PodVariant,
    message: string,
    signal: AbortSignal,
    file = this.#fileOf(variant),
  ): Promise<void> {
    const path = this.#pathOf(variant);
    await this.#save(path, file, message);
    const refused = (await this.#carryOut(signal)).get(path);
    if (refused !== undefined) throw notCarriedOut(variant, refused);
  }

  async prepare(spec: VariantSpec, signal: AbortSignal): Promise<void> {
    const tenant = spec.tenant ?? (await this.#deps.tenantOf(spec.service));
    const digest = await this.#deps.archives.keep(spec.modelDir, tenant);
    signal.throwIfAborted();
    const variant = variantOf(spec, tenant, digest);
    const before = this.#variants.get(variantKey(spec));
    if (before !== undefined && before.digest !== digest) throw otherFiles(spec);
    this.#variants.set(variantKey(spec), variant);
    this.#health.beginAnew(spec);
    try {
      await this.#deps.ensureTenant(tenant);
      await this.#write(variant, `Prepare version ${variant.version} of ${variant.service}`, signal);
      await this.#zero.wake(variant);
      const endpoints = await this.#health.ready(variant, signal);
      await this.#fleet.all((control) => control.prepare(specOf(variant, endpoints), signal));
      this.#told.set(variantKey(variant), endpoints.join());
    } catch (error) {
      // Whoever made it takes it away again, unless a rule names it by now.
      if (before === undefined && !this.#rules.names(spec.service, spec.version)) {
        await this.#health.keepLastWords(variant);
        await this.#drop(variant).catch((other: unknown) => this.#deps.log(other, "taking a variant away"));
      }
      signal.throwIfAborted();
      throw error;
    }
  }

  async probe(ref: VariantRef, v2Body: string, signal: AbortSignal): Promise<ProbeAnswer> {
    const [member] = await this.#fleet.informed();
    if (member === undefined) throw nobody();
    return member.control.probe(ref, v2Body, signal);
  }

  async remove(ref: VariantRef): Promise<void> {
    if (this.#rules.names(ref.service, ref.version)) throw inUse(ref);
    const variant = this.#variants.get(variantKey(ref));
    if (variant === undefined) return;
    await this.#fleet.all((control) => control.remove(ref));
    await this.#drop(variant);
  }

  async route(rule: TrafficRule): Promise<void> {
    for (const version of [rule.champion, rule.challenger])
      if (version !== undefined && !this.#variants.has(variantKey({ service: rule.service, version })))
        throw notPrepared({ service: rule.service, version });
    this.#rules.put(rule);
    await this.#saveTraffic(
      rule.service,
      `Route ${rule.service} by ${rule.commit.slice(0, 12)}`,
      rule.tenant,
    );
    await this.#fleet.all((control) => control.route(rule));
  }

  async unroute(service: string, order: number): Promise<void> {
    const tenant = this.#rules.find(service)?.rule.tenant;
    this.#rules.remove(service, order);
    await this.#saveTraffic(service, `Remove the route of ${service}`, tenant);
    await this.#fleet.all((control) => control.unroute(service, order));
  }

  /** Serve first: a bad challenger is out before anything else is written. */
  async stopChallenger(service: string, version: number): Promise<void> {
    const isNew = this.#rules.stop(service, version);
    await this.#fleet.all((control) => control.stopChallenger(service, version));
    if (isNew)
      await this.#saveTraffic(
        service,
        `Stop version ${version} of ${service}`,
        this.#rules.find(service)?.rule.tenant,
      );
  }

  /** What is in force, for whoever divides traffic beside this. */
  get rules(): RuleBook {
    return this.#rules;
  }

  /** All that are prepared, or are being prepared. */
  variants(): PodVariant[] {
    return [...this.#variants.values()];
  }

  /** Tenants that have something to run. */
  tenants(): string[] {
    return [...new Set([...this.#variants.values()].map(({ tenant }) => tenant))];
  }

  async state(): Promise<{ rules: TrafficRule[]; variants: VariantState[] }> {
    const rules = this.#rules.state().rules.map(ruleInForce);
    return { rules, variants: this.variants().map((variant) => this.#health.state(variant)) };
  }

  /** Of a pod that doesn't answer, what it said last. SERVE_UNREACHABLE when none does. */
  async outcomes(): Promise<OutcomeReport> {
    const members = this.#fleet.members();
    const answers = await Promise.all(
      members.map(async ({ pod, control }) => {
        const report = await within(control.outcomes(), OUTCOMES_MS);
        if (report !== undefined) await this.#keep(this.#merge.observe(pod, report));
        return report !== undefined;
      }),
    );
    if (members.length > 0 && !answers.includes(true)) throw nobody();
    return this.#merge.report(this.#deps.clock.now());
  }

  async predictions(cursor: string, limit: number, services: readonly string[]): Promise<PredictionPage> {
    const logs = this.#fleet.members().map(({ pod, control }) => ({
      pod,
      read: (own: string, most: number) => control.predictions(own, most, services),
    }));
    return readPages(logs, cursor, limit);
  }

  logs(ref: VariantRef, lines: number): Promise<string[]> {
    return this.#health.logs(ref, lines);
  }

  pods(ref: VariantRef, lines: number): Promise<PodReport[]> {
    return this.#health.reports(ref, lines);
  }

  async admit(callers: Callers): Promise<{ used: string[] }> {
    this.#callers.say(callers);
    const used = new Set<string>();
    await this.#fleet.all(async (control) => {
      for (const id of (await control.admit(callers)).used) used.add(id);
    });
    return { used: [...used] };
  }

  async figures(): Promise<ServingFigures> {
    const all = await answersOf(this.#controls(), (control) => control.figures());
    if (all.length === 0) throw nobody();
    return mergeFigures(all);
  }

  prediction(requestId: string): Promise<FoundPrediction> {
    return findPrediction(this.#controls(), requestId);
  }

  async rollLog(): Promise<void> {
    await Promise.all(this.#controls().map((control) => control.rollLog()));
  }

  /** What serve pods have for the prediction log, those that are going included. */
  samples(): SampleSource[] {
    return this.#fleet.members().map(({ client }) => sampleSource(client));
  }

  close(): void {
    this.#stopWatching();
    this.#fleet.close();
  }

  #controls(): ServingControl[] {
    return this.#fleet.members().map(({ control }) => control);
  }

  /** All that is in force, to a process that knows nothing, or what was true once. */
  async #welcome(control: ServingControl, signal: AbortSignal): Promise<void> {
    await control.admit(await this.#callers.latest(signal));
    await bringUpToDate(control, {
      variants: this.#variants,
      rules: this.#rules,
      tell: (variant, isKnown) => this.#tell(control, variant, isKnown),
    });
  }

  /** A pool without pods is ready at once, and one that is known isn't taken away when a pod can't be reached. */
  async #tell(control: ServingControl, variant: PodVariant, isKnown: boolean): Promise<void> {
    const never = new AbortController().signal;
    if (!isKnown) await control.prepare(specOf(variant, []), never);
    const endpoints = this.#endpoints(variant);
    const limit = AbortSignal.timeout(TELL_MS);
    await control.prepare(specOf(variant, endpoints), limit).catch((error: unknown) => {
      if (!limit.aborted) throw error;
    });
  }

  /** Pods came or went: every serve pod is told where the variants' are now. */
  #look(): void {
    for (const [key, variant] of this.#variants) {
      const endpoints = this.#endpoints(variant).join();
      // Whoever prepares it tells of it first.
      if (!this.#told.has(key) && !this.#rules.names(variant.service, variant.version)) continue;
      if (this.#told.get(key) === endpoints) continue;
      this.#told.set(key, endpoints);
      this.#fleet
        .all((control) => this.#tell(control, variant, true))
        .catch((error: unknown) => {
          this.#told.delete(key);
          this.#deps.log(error, `telling where version ${variant.version} of ${variant.service} is`);
        });
    }
  }

  #endpoints(variant: PodVariant): string[] {
    return endpointsToAsk(podsOf(this.#deps.pods, variant), "frames", this.#told.get(variantKey(variant)));
  }

  #namespace(tenant: string | undefined): string {
    return namespaceOf(this.#deps.namespace, tenant);
  }

  #pathOf(variant: PodVariant): string {
    return variantPath(this.#namespace(variant.tenant), variant);
  }

  #fileOf(variant: PodVariant): string {
    const namespace = this.#namespace(variant.tenant);
    const mayHaveNone = this.#zero.mayHaveNone(variant);
    return fileOf(renderVariant(variant, { ...this.#deps, namespace, mayHaveNone }));
  }

  async #drop(variant: PodVariant): Promise<void> {
    const { tenant, digest } = variant;
    this.#variants.delete(variantKey(variant));
    this.#told.delete(variantKey(variant));
    await this.#save(this.#pathOf(variant), null, `Remove version ${variant.version} of ${variant.service}`);
    await this.#carryOut();
    const isOfSame = (other: PodVariant): boolean => other.digest === digest && other.tenant === tenant;
    if (![...this.#variants.values()].some(isOfSame)) await this.#deps.archives.drop(digest, tenant);
  }

  async #saveTraffic(service: string, message: string, tenant: string | undefined): Promise<void> {
    const namespace = this.#namespace(tenant);
    const file = fileOf([renderTraffic(namespace, trafficRecord(this.#rules, service))]);
    await this.#save(trafficPath(namespace, service), file, message);
    // It is in force by what serve pods are told: the cluster only keeps it.
    this.#carryOut().catch((error: unknown) => this.#deps.log(error, message));
  }

  async #save(path: string, file: string | null, message: string): Promise<void> {
    await this.#deps.branch.commit(new Map([[path, file]]), message);
  }

  async #carryOut(signal?: AbortSignal): Promise<ReadonlyMap<string, Cause>> {
    const { commit, files } = await this.#deps.branch.read();
    return commit === null ? new Map() : this.#deps.carrier.carryOut(commit, files, signal);
  }

  #left(pod: string): void {
    this.#keep(this.#merge.leave(pod)).catch((error: unknown) =>
      this.#deps.log(error, "keeping what a serve pod had counted"),
    );
  }

  async #keep(report: OutcomeReport | undefined): Promise<void> {
    if (report !== undefined) await this.#deps.gone.keep(report);
  }
}
