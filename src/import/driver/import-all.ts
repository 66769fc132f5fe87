import { SlipwayError } from "../../http/errors.ts";
import { KINDS } from "../kinds.ts";
import type { Clock } from "../../base/clock.ts";
import { bringLoggedModels } from "./bring-models.ts";
import { bringRegistry } from "./bring-registry.ts";
import { bringRuns } from "./bring-runs.ts";
import { bringTraces } from "./bring-traces.ts";
import { noteFailure, type ImportContext, type ImportOptions } from "./context.ts";
import { experimentIn } from "./convert.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { Experiment } from "./messages.ts";
import type { MlflowSource } from "./mlflow-source.ts";
import type { Platform } from "./platform.ts";
import { Tally, type Report } from "./tally.ts";

export interface ImportDeps {
  source: MlflowSource;
  platform: Platform;
  options: ImportOptions;
  /** What the source is called in the platform's notes: its address, and its workspace. */
  sourceName: string;
  clock: Pick<Clock, "now">;
  changed(report: Report): void;
}

/** Not offered by MLflow's API with what an import must keep, or without a meaning here. */
const NEVER = "evaluation datasets, scorers and webhooks: make them anew (secrets and ids aren't handed out)";

/**
 * Brings everything from an MLflow server to the platform. It may end anywhere and be called again: what is here
 * whole is passed over, what was begun is brought again, and bringing something twice changes nothing.
 */
export async function importAll(deps: ImportDeps): Promise<Report> {
  const { source, platform, options, sourceName, clock } = deps;
  const version = await source.version();
  const { isDryRun } = options;
  const tenant = isDryRun ? await platform.find(sourceName) : await platform.begin(sourceName, version);
  const about = { source: sourceName, version: version ?? null, tenant, isDryRun, startedAt: clock.now() };
  const tally = new Tally(about, deps.changed);
  const context = { source, platform, tally, options };
  tally.skip(NEVER);

  const experiments = named(await source.experiments(), options.experiments);
  const brought = { runs: new Set<string>(), loggedModels: new Set<string>() };
  const targets = new Map<string, string>();
  for (const experiment of experiments) {
    const target = await bringExperiment(context, experiment);
    if (target !== undefined) targets.set(experiment.experiment_id, target);
  }
  for (const [from, to] of targets) await bringRuns(context, from, to, brought.runs);
  // A logged model's metrics may be of another experiment's runs, so all runs come first.
  for (const [from, to] of targets) {
    await bringLoggedModels(context, from, to, brought.loggedModels);
    await bringTraces(context, from, to);
  }
  await bringRegistry(context, options.experiments.length === 0 ? undefined : brought);

  const { report } = tally;
  if (!options.isDryRun) report.checked = await checked(platform);
  report.endedAt = clock.now();
  report.isComplete = report.problemCount === 0 && (report.checked?.missing.length ?? 0) === 0;
  if (!options.isDryRun) await platform.end({ ...report, problems: report.problems.slice(0, 100) });
  deps.changed(report);
  return report;
}

function named(all: Experiment[], names: readonly string[]): Experiment[] {
  if (names.length === 0) return all;
  const unknown = names.filter((name) => !all.some((experiment) => experiment.name === name));
  if (unknown.length > 0)
    throw new SlipwayError("USAGE", "the old server has no such experiment", {
      where: "--experiment",
      given: unknown.join(", ").slice(0, 500),
      allowed: all
        .map(({ name }) => name)
        .join(", ")
        .slice(0, 500),
    });
  return all.filter(({ name }) => names.includes(name));
}

/** Brings an experiment. Its id here; of a dry run its own. Undefined: it couldn't be brought, and its runs have no place. */
export async function bringExperiment(
  { platform, tally, options }: ImportContext,
  experiment: Experiment,
): Promise<string | undefined> {
  const id = experiment.experiment_id;
  const fingerprint = fingerprintOf(experiment);
  tally.add("experiments", "found");
  try {
    const known = (await platform.known("experiment", [id])).get(id) === fingerprint;
    if (options.isDryRun) {
      tally.add("experiments", known ? "unchanged" : "brought");
      return id;
    }
    const { experimentId, how } = await platform.experiment(experimentIn(experiment));
    if (!known) await platform.done({ kind: "experiment", id, fingerprint });
    tally.add("experiments", known ? "unchanged" : "brought");
    // Every server has a Default; that they are one is no news.
    if (how !== "kept" && !(how === "merged" && id === experimentId))
      tally.report.experiments.push({ from: id, to: experimentId, name: experiment.name, how });
    return experimentId;
  } catch (error) {
    tally.add("experiments", "failed");
    noteFailure(tally, { kind: "experiment", id: `${id} (${experiment.name})` }, error);
    return undefined;
  }
}

/** Names of what is missing that are shown. */
const MOST_MISSING = 100;

/** Asks the platform for everything that was ever brought from there. */
async function checked(platform: Platform): Promise<NonNullable<Report["checked"]>> {
  const sum = { items: 0, files: 0, bytes: 0, missing: [] as string[] };
  for (const kind of [...KINDS, "file"] as const) {
    let after: string | undefined = "";
    while (after !== undefined) {
      const page = await platform.check(kind, after);
      if (kind === "file") sum.files += page.checked;
      else sum.items += page.checked;
      sum.bytes += page.bytes;
      const names = kind === "file" ? page.missing : page.missing.map((id) => `${kind} ${id}`);
      sum.missing.push(...names.slice(0, MOST_MISSING - sum.missing.length));
      after = page.next;
    }
  }
  return sum;
}
