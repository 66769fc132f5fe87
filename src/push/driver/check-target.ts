import { idOf } from "../../import/driver/convert.ts";
import { versionsOf, type Brought } from "../../import/driver/bring-registry.ts";
import type { ModelVersion } from "../../import/driver/messages.ts";
import { SourceError } from "../../import/driver/source-error.ts";
import type { Looked, LookedFor } from "../wire.ts";
import type { PushContext } from "./context.ts";
import { hasSameFiles, isSameLoggedModel, isSameRun, isSameTrace } from "./same.ts";
import { modelFilters, runFilters } from "./scope.ts";

/** Ids of one question. */
const PAGE = 500;

/** What is there already by another way, and as it is here. */
export class AlreadyThere {
  readonly #ids = new Set<string>();

  add(kind: string, id: string): void {
    this.#ids.add(`${kind} ${id}`);
  }

  has(kind: string, id: string): boolean {
    return this.#ids.has(`${kind} ${id}`);
  }
}

/**
 * Looks for everything of a push on the target before a line is written there. What is there by an earlier push is
 * its own; what came by another way must say the same, else it is a conflict.
 */
export async function checkTarget(context: PushContext): Promise<AlreadyThere> {
  const same = new AlreadyThere();
  const brought = { runs: new Set<string>(), loggedModels: new Set<string>() };
  const names = context.scope.experiments.map(({ experiment }) => experiment);
  const active = names
    .filter((experiment) => experiment.lifecycle_stage === "active")
    .map(({ name }) => name);
  for (const { id, state } of await look(context, "experiment", active))
    if (state === "deleted")
      context.conflicts.add({ kind: "experiment", id, why: "one of this name is deleted there" });
  for (const part of context.scope.experiments) {
    const { experiment_id: id } = part.experiment;
    for (const filter of runFilters(part)) await checkRuns(context, id, filter, brought.runs, same);
    for (const filter of modelFilters(part))
      await checkModels(context, id, filter, brought.loggedModels, same);
    if (part.only === undefined) await checkTraces(context, id, same);
  }
  await checkVersions(context, { ...brought, models: context.scope.models });
  return same;
}

/** Asks the target for things; in the order of the ids. */
export async function look(
  { to, sourceName }: Pick<PushContext, "to" | "sourceName">,
  kind: LookedFor,
  ids: readonly string[],
): Promise<Looked[]> {
  const found: Looked[] = [];
  for (let at = 0; at < ids.length; at += PAGE) {
    const body = { source: sourceName, kind, ids: ids.slice(at, at + PAGE) };
    found.push(...(await to.post<{ items: Looked[] }>("/pushes/look", body)).items);
  }
  return found;
}

/** Judges what was found: `isSame` is asked only of what is there by another way. */
async function judge(
  { conflicts }: PushContext,
  kind: string,
  looked: readonly Looked[],
  same: AlreadyThere,
  isSame: (id: string) => Promise<boolean>,
): Promise<void> {
  for (const { id, state } of looked) {
    if (state === "elsewhere") conflicts.add({ kind, id, why: "its id is in use there" });
    if (state !== "here") continue;
    if (await isSame(id)) same.add(kind, id);
    else conflicts.add({ kind, id, why: "another one has this id there" });
  }
}

async function checkRuns(
  context: PushContext,
  experimentId: string,
  filter: string | undefined,
  seen: Set<string>,
  same: AlreadyThere,
): Promise<void> {
  const { source, target } = context;
  for await (const page of source.runs(experimentId, filter)) {
    const runs = new Map(page.map((run) => [idOf(run), run]));
    for (const id of runs.keys()) seen.add(id);
    const looked = await look(context, "run", [...runs.keys()]);
    await judge(context, "run", looked, same, async (id) => {
      const here = runs.get(id);
      const there = await target.run(id);
      if (here === undefined || there === undefined) return false;
      const uris = { here: here.info.artifact_uri, there: there.info.artifact_uri };
      const both = { source, target };
      return (await isSameRun(here, there, both)) && hasSameFiles("run", id, uris, both);
    });
  }
}

async function checkModels(
  context: PushContext,
  experimentId: string,
  filter: string | undefined,
  seen: Set<string>,
  same: AlreadyThere,
): Promise<void> {
  for await (const page of context.source.loggedModels(experimentId, filter)) {
    const models = new Map(page.map((model) => [model.info.model_id, model]));
    for (const id of models.keys()) seen.add(id);
    const looked = await look(context, "logged-model", [...models.keys()]);
    await judge(context, "logged-model", looked, same, async (id) => {
      const here = models.get(id);
      const there = await orMissing(context.target.loggedModel(id));
      if (here === undefined || there === undefined) return false;
      const uris = { here: here.info.artifact_uri, there: there.info.artifact_uri };
      return isSameLoggedModel(here, there) && hasSameFiles("logged-model", id, uris, context);
    });
  }
}

async function checkTraces(context: PushContext, experimentId: string, same: AlreadyThere): Promise<void> {
  for await (const page of context.source.traces(experimentId)) {
    const traces = new Map(page.map((trace) => [trace.trace_id, trace]));
    const looked = await look(context, "trace", [...traces.keys()]);
    await judge(context, "trace", looked, same, async (id) => {
      const here = traces.get(id);
      const there = await orMissing(context.target.trace(id));
      return here !== undefined && there !== undefined && isSameTrace(here, there);
    });
  }
}

/** A version's number is taken when another run made the one that is there, or at another time. */
async function checkVersions(context: PushContext, only: Brought): Promise<void> {
  for (const { name, isPrompt } of await context.source.registeredModels()) {
    const own = versionsOf(name, await context.source.versions(name, isPrompt), only);
    const versions = new Map(
      own.map((version): [string, ModelVersion] => [`${name}/${version.version}`, version]),
    );
    for (const { id, state, runId, createdAt } of await look(context, "version", [...versions.keys()])) {
      const here = versions.get(id);
      if (state === "absent" || here === undefined) continue;
      if (runId === (here.run_id ?? "") && createdAt === Number(here.creation_timestamp ?? 0)) continue;
      context.conflicts.add({ kind: "version", id, why: "its number is another version there" });
    }
  }
}

async function orMissing<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof SourceError && error.status === 404) return undefined;
    throw error;
  }
}
