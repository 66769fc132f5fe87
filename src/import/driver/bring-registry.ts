import { SlipwayError } from "../../http/errors.ts";
import type { VersionIn } from "../wire.ts";
import { eachAtOnce } from "./at-once.ts";
import { noteFailure, type ImportContext } from "./context.ts";
import { registeredModelIn, versionIn } from "./convert.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { ModelVersion, RegisteredModel } from "./messages.ts";
import { SourceError } from "./source-error.ts";

/** Versions of one call. */
const VERSIONS = 500;

/** What was brought of some experiments; undefined: everything is. */
export interface Brought {
  runs: ReadonlySet<string>;
  loggedModels: ReadonlySet<string>;
  /** Of which every version comes, wherever it is from. */
  models?: ReadonlySet<string>;
  /** Aliases of a model that the platform it goes to makes by itself. */
  ownAliases?: (model: string) => readonly string[];
}

/** Brings registered models and prompts with versions and aliases; of some experiments the versions that came from them. */
export async function bringRegistry(context: ImportContext, only: Brought | undefined): Promise<void> {
  const { source, tally, options } = context;
  const uris = new Map<string, Promise<string | undefined>>();
  const uriOf = (runId: string): Promise<string | undefined> => {
    const known = uris.get(runId) ?? source.runUri(runId).catch(notThere);
    uris.set(runId, known);
    return known;
  };
  await eachAtOnce(await source.registeredModels(), options.jobs, async ({ name, isPrompt }) => {
    try {
      const model = await source.registeredModel(name);
      const all = await source.versions(name, isPrompt);
      const own = only ? versionsOf(name, all, only) : all;
      if (only && own.length === 0) return;
      tally.add("registeredModels", "found");
      tally.add("versions", "found", own.length);
      const left = only?.ownAliases?.(name) ?? [];
      const aliases = model.aliases?.filter(({ alias }) => !left.includes(alias)) ?? [];
      await bringModel(context, { ...model, aliases }, own, uriOf);
    } catch (error) {
      tally.add("registeredModels", "failed");
      noteFailure(tally, { kind: "registered-model", id: name }, error);
    }
  });
}

/** Those of a model's versions that came from what is brought. */
export function versionsOf(name: string, all: readonly ModelVersion[], only: Brought): ModelVersion[] {
  return only.models?.has(name) === true ? [...all] : all.filter((version) => isOf(version, only));
}

function isOf(version: ModelVersion, only: Brought): boolean {
  const modelId = version.model_id ?? /^models:\/(m-[\w-]+)$/.exec(version.source ?? "")?.[1];
  return only.runs.has(version.run_id ?? "") || (modelId !== undefined && only.loggedModels.has(modelId));
}

async function bringModel(
  { platform, tally, options }: ImportContext,
  model: RegisteredModel,
  own: readonly ModelVersion[],
  uriOf: (runId: string) => Promise<string | undefined>,
): Promise<void> {
  const { name } = model;
  const { aliases = [], tags = [] } = model;
  const fingerprint = fingerprintOf([name, model.description ?? "", model.tags ?? [], aliases, tags, own]);
  const known = await platform.known("registered-model", [name]);
  if (known.get(name) === fingerprint && !options.isRecheck) {
    tally.add("registeredModels", "unchanged");
    return tally.add("versions", "unchanged", own.length);
  }
  let isWhole = true;
  if (!options.isDryRun) {
    // A model without versions is brought as well.
    for (let at = 0; at === 0 || at < own.length; at += VERSIONS) {
      const part = own.slice(at, at + VERSIONS);
      const versions: VersionIn[] = [];
      for (const version of part) versions.push(versionIn(version, await uriOf(version.run_id ?? "")));
      isWhole = (await send(versions)) && isWhole;
    }
    if (isWhole) await platform.done({ kind: "registered-model", id: name, fingerprint });
  } else tally.add("versions", "brought", own.length);
  tally.add("registeredModels", "brought");

  /** When one of them is refused, each by itself: the others needn't wait for it. */
  async function send(versions: VersionIn[]): Promise<boolean> {
    try {
      const left = await platform.registeredModel({ ...registeredModelIn(model), versions });
      for (const why of left) tally.problem({ kind: "registered-model", id: name, why });
      tally.add("versions", "brought", versions.length);
      return left.length === 0;
    } catch (error) {
      if (!(error instanceof SlipwayError) || versions.length === 0) throw error;
      if (versions.length === 1) {
        const id = `${name}/${versions[0]?.version ?? ""}`;
        noteFailure(tally, { kind: "version", id }, error);
        tally.add("versions", "failed");
        return false;
      }
    }
    for (const version of versions) await send([version]);
    return false;
  }
}

function notThere(error: unknown): undefined {
  if (error instanceof SourceError) return undefined;
  throw error;
}
