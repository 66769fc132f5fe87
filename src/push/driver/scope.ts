import { SlipwayError } from "../../http/errors.ts";
import { placeOf } from "../../import/driver/convert.ts";
import type { Experiment } from "../../import/driver/messages.ts";
import type { MlflowSource } from "../../import/driver/mlflow-source.ts";
import { SourceError } from "../../import/driver/source-error.ts";
import type { ProjectExport } from "../wire.ts";

/** One experiment of a push. */
export interface ScopeExperiment {
  experiment: Experiment;
  /** Only these of its runs, with their logged models; undefined: all, with its traces. */
  only?: readonly string[];
}

/** What belongs to a project: its experiment, those that were named, and the single runs that made versions of its model. */
export interface Scope {
  experiments: ScopeExperiment[];
  /** Models of which every version comes. */
  models: ReadonlySet<string>;
}

/** Reads what is the project's. USAGE when an experiment that was named isn't there. */
export async function scopeOf(
  source: MlflowSource,
  about: ProjectExport,
  named: readonly string[],
): Promise<Scope> {
  const all = await source.experiments();
  const missing = named.filter((name) => !all.some((experiment) => experiment.name === name));
  if (missing.length > 0)
    throw new SlipwayError("USAGE", "the platform has no such experiment", {
      where: "--experiment",
      given: missing.join(", ").slice(0, 500),
    });
  const whole = all.filter(({ name }) => name === about.project || named.includes(name));
  const isWhole = new Set(whole.map((experiment) => experiment.experiment_id));
  const single = new Map<string, string[]>();
  if (about.model !== null)
    for (const id of await runsOf(source, about.model.name)) {
      const of = await experimentOf(source, id);
      if (of !== undefined && !isWhole.has(of)) single.set(of, [...(single.get(of) ?? []), id]);
    }
  return {
    experiments: [
      ...whole.map((experiment) => ({ experiment })),
      ...all.flatMap((experiment) => {
        const only = single.get(experiment.experiment_id);
        return only === undefined ? [] : [{ experiment, only }];
      }),
    ],
    models: new Set(about.model === null ? [] : [about.model.name]),
  };
}

/** Runs that made versions of a model, and those whose files the versions are. */
async function runsOf(source: MlflowSource, model: string): Promise<Set<string>> {
  const runs = new Set<string>();
  for (const { run_id: id = "", source: from = "" } of await source.versions(model, false)) {
    if (id !== "") runs.add(id);
    const place = placeOf(from, id, undefined);
    if (place?.kind === "run") runs.add(place.id);
  }
  return runs;
}

/** Undefined for a run that is gone. */
async function experimentOf(source: MlflowSource, runId: string): Promise<string | undefined> {
  try {
    const run = await source.run(runId);
    return (run?.info as { experiment_id?: string } | undefined)?.experiment_id;
  } catch (error) {
    if (error instanceof SourceError) return undefined;
    throw error;
  }
}

/** Filters by which the source is asked for the runs of an experiment; one without a filter asks for all. */
export function runFilters({ only }: ScopeExperiment): (string | undefined)[] {
  return only === undefined ? [undefined] : only.map((id) => `attributes.run_id = '${id}'`);
}

export function modelFilters({ only }: ScopeExperiment): (string | undefined)[] {
  return only === undefined ? [undefined] : only.map((id) => `source_run_id = '${id}'`);
}
