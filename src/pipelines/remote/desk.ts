import { join } from "node:path";
import type { Ids } from "../../base/ids.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { BlobContent } from "../../store/blobs.ts";
import { readCommit, type Commit } from "../checkout.ts";
import type { EffectLedger, StepEffects } from "../effects.ts";
import type { PipelineRunSpec } from "../engine.ts";
import { transitiveNeeds } from "../schedule.ts";
import type { NeededStep, StepAssignment } from "./assignment.ts";
import type { LatestReport, StepReport } from "./report.ts";
import { sourceArchive } from "./source-archive.ts";
import type { StepFiles } from "./step-files.ts";

export interface StepDeskDeps {
  files: StepFiles;
  ledger?: EffectLedger;
  ids: Ids;
  /** Where commits are checked out for a moment. */
  temporary: string;
  /** PATH, for git. */
  env: Record<string, string>;
}

/** A pipeline run whose steps are done elsewhere. */
interface Attached {
  spec: PipelineRunSpec;
  tenant: string;
  /** By step; each of its tries that said something, in their order. */
  tries: Map<string, LatestReport[]>;
  commit?: Promise<Commit>;
  source?: Promise<unknown>;
  /** Steps that are watched for what they log: by step, the mark of who began. */
  watched: Map<string, string>;
}

/** Who asks, and about what: the tenant is that of the caller's token. */
export interface StepTry {
  tenant: string;
  run: string;
  step: string;
  tryNumber: number;
}

/**
 * Where steps in pods get their work and say what became of it. What they said is durable before it is acknowledged;
 * the rest is made anew out of the pipeline run that an engine attaches, so nothing here must outlive the process.
 */
export class StepDesk {
  readonly files: StepFiles;
  readonly #deps: StepDeskDeps;
  readonly #attached = new Map<string, Attached>();
  readonly #listeners = new Set<(run: string) => void>();

  constructor(deps: StepDeskDeps) {
    this.#deps = deps;
    this.files = deps.files;
  }

  /** From now on the pipeline run's steps are answered; what they said before a restart is known again. */
  async attach(spec: PipelineRunSpec, tenant: string): Promise<void> {
    if (this.#attached.has(spec.id)) return;
    const steps = spec.project.pipeline.steps;
    const told = await Promise.all(
      steps.map(async ({ name }) => [name, await this.files.reports(tenant, spec.id, name)] as const),
    );
    if (this.#attached.has(spec.id)) return;
    this.#attached.set(spec.id, { spec, tenant, tries: new Map(told), watched: new Map() });
  }

  /** The pipeline run has ended: its steps have nothing to ask any more. */
  async detach(run: string): Promise<void> {
    const attached = this.#attached.get(run);
    this.#attached.delete(run);
    for (const step of attached?.watched.keys() ?? [])
      if (attached !== undefined) await this.#deps.ledger?.end(attached.spec, step).catch(() => undefined);
  }

  /** The newest word of each step. */
  reports(run: string): Map<string, LatestReport> {
    const found = new Map<string, LatestReport>();
    for (const [step, tries] of this.#attached.get(run)?.tries ?? []) {
      const latest = tries.findLast(({ report }) => report.isFinal) ?? tries.at(-1);
      if (latest !== undefined) found.set(step, latest);
    }
    return found;
  }

  /** Called after a step said something; returns the unsubscribe. */
  onReport(listener: (run: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** PIPELINE_CHECKOUT_FAILED when the commit isn't there; CONFLICT when the step has ended or another try has begun. */
  async assignment(of: StepTry): Promise<StepAssignment> {
    const attached = this.find(of);
    const { spec, tries } = attached;
    const { steps } = spec.project.pipeline;
    const step = steps.find(({ name }) => name === of.step);
    if (step === undefined) throw noStep(of);
    this.#current(attached, of);
    const before = (tries.get(of.step) ?? []).filter(({ tryNumber }) => tryNumber < of.tryNumber);
    const failures = before.filter(({ report }) => report.state === "failed").length;
    const { tree, files } = await this.#commit(attached);
    const { repository: _, ...rest } = spec;
    return {
      step: of.step,
      spec: rest,
      tree,
      files: Object.fromEntries(files),
      // Nearest first becomes farthest first: what a step changed of another's files comes after these.
      needs: transitiveNeeds(steps, of.step)
        .toReversed()
        .map((name) => needed(name, this.reports(spec.id).get(name)?.report)),
      attempt: failures + 1,
      isLast: failures >= step.retries,
      wasInterrupted: before.some(({ report }) => report.state === "running"),
    };
  }

  async report(of: StepTry, report: StepReport): Promise<void> {
    const attached = this.find(of);
    if (!attached.tries.has(of.step)) throw noStep(of);
    this.#current(attached, of);
    await this.files.saveReport(of.tenant, of.run, of.step, { tryNumber: of.tryNumber, report });
    const others = (attached.tries.get(of.step) ?? []).filter(({ tryNumber }) => tryNumber !== of.tryNumber);
    const all = [...others, { tryNumber: of.tryNumber, report }];
    attached.tries.set(
      of.step,
      all.sort((a, b) => a.tryNumber - b.tryNumber),
    );
    for (const listener of this.#listeners) listener(of.run);
  }

  /** The files of the commit, as an archive. */
  async source(tenant: string, run: string): Promise<BlobContent> {
    const attached = this.find({ tenant, run });
    const make = async () =>
      sourceArchive(attached.spec, {
        folder: join(this.#deps.temporary, `source-${run}-${this.#deps.ids.hex()}`),
        env: this.#deps.env,
      });
    const open = (): Promise<BlobContent> => this.files.source(tenant, run, make);
    // Steps that begin together wait for the first one's archive.
    await attached.source?.catch(() => undefined);
    const opened = open();
    attached.source = opened;
    return opened;
  }

  /** Watches what the step logs from now on. */
  async beginEffects(of: StepTry): Promise<void> {
    const attached = this.find(of);
    attached.watched.set(of.step, String(of.tryNumber));
    await this.#deps.ledger?.begin(attached.spec, of.step);
  }

  /** What it logged; unsure when this process didn't watch it from its beginning. */
  async endEffects(of: StepTry): Promise<{ effects?: StepEffects } | { unsure: string }> {
    const attached = this.find(of);
    const isWatched = attached.watched.get(of.step) === String(of.tryNumber);
    attached.watched.delete(of.step);
    if (!isWatched) return { unsure: "was running while the platform was restarted" };
    const left = await this.#deps.ledger?.end(attached.spec, of.step);
    if (left === undefined || "unsure" in left) return left ?? {};
    return left.effects === undefined ? {} : { effects: left.effects };
  }

  /** Logs the same again for a step that is reused; answers why it can't. */
  async replayEffects(of: StepTry, effects: StepEffects): Promise<string | undefined> {
    const attached = this.find(of);
    if (this.#deps.ledger === undefined) return "what it logged can't be repeated here";
    return this.#deps.ledger.replay(attached.spec, of.step, effects);
  }

  /** NOT_FOUND for another tenant's; UNAVAILABLE while it isn't taken up again after a restart. */
  find({ tenant, run }: Pick<StepTry, "tenant" | "run">): Attached {
    const attached = this.#attached.get(run);
    if (attached?.tenant === tenant) return attached;
    if (attached !== undefined) throw new SlipwayError("NOT_FOUND", `there is no pipeline run ${run}`);
    throw new SlipwayError("UNAVAILABLE", `pipeline run ${run} isn't under way here`, {
      hint: "Try again: after a restart pipeline runs are taken up one after another.",
    });
  }

  /** Of two pods that are there at once, one is a mistake: the older one, or one that came after the end. */
  #current({ tries }: Attached, { run, step, tryNumber }: StepTry): void {
    const known = tries.get(step) ?? [];
    const end = known.find(({ report, tryNumber: other }) => report.isFinal && other !== tryNumber);
    const isOld = known.some(({ tryNumber: other }) => other > tryNumber);
    if (end === undefined && !isOld) return;
    const what = end === undefined ? "is tried anew" : `has ${end.report.state}`;
    throw new SlipwayError("CONFLICT", `step ${step} of ${run} ${what}`, {
      hint: "Nothing is to be done here: end this pod.",
      details: { ended: end?.report.state ?? null },
    });
  }

  #commit(attached: Attached): Promise<Commit> {
    const { repository, commit } = attached.spec;
    attached.commit ??= readCommit(repository, commit, this.#deps.env);
    // A failure that passes, such as of a disk, is no answer to keep.
    attached.commit.catch(() => delete attached.commit);
    return attached.commit;
  }
}

function needed(name: string, report: StepReport | undefined): NeededStep {
  if (report === undefined) return { name };
  const { archive, outputs, effects, opaque } = report;
  return {
    name,
    ...(archive === undefined ? {} : { archive }),
    ...(outputs === undefined ? {} : { outputs }),
    ...(effects === undefined ? {} : { effects }),
    ...(opaque === undefined ? {} : { opaque }),
  };
}

function noStep({ run, step }: StepTry): SlipwayError {
  return new SlipwayError("NOT_FOUND", `pipeline run ${run} has no step ${step}`);
}
