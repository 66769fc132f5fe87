import { eachAtOnce } from "./at-once.ts";
import { bringFiles } from "./bring-files.ts";
import { noteFailure, type ImportContext } from "./context.ts";
import { loggedModelIn } from "./convert.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { SourceError } from "./source-error.ts";

/** Brings an experiment's logged models, after its runs: their metrics name them. `seen` gets the ids of all. */
export async function bringLoggedModels(
  context: ImportContext,
  from: string,
  to: string,
  seen: Set<string>,
  filter?: string,
): Promise<void> {
  const { source, platform, tally, options } = context;
  try {
    for await (const page of source.loggedModels(from, filter)) {
      tally.add("loggedModels", "found", page.length);
      for (const model of page) seen.add(model.info.model_id);
      const known = await platform.known(
        "logged-model",
        page.map(({ info }) => info.model_id),
      );
      await eachAtOnce(page, options.jobs, async (model) => {
        const { model_id: id, artifact_uri: uri } = model.info;
        const fingerprint = fingerprintOf(model);
        try {
          const isUnchanged = known.get(id) === fingerprint && !options.isRecheck;
          const isKept = isUnchanged || context.isThere?.("logged-model", id) === true;
          if (!isKept && !options.isDryRun) await platform.loggedModel(loggedModelIn(model, to));
          const isWhole = await bringFiles(context, "logged-model", id, uri);
          if (isUnchanged) return tally.add("loggedModels", "unchanged");
          if (isWhole && !options.isDryRun) await platform.done({ kind: "logged-model", id, fingerprint });
          tally.add("loggedModels", "brought");
        } catch (error) {
          tally.add("loggedModels", "failed");
          noteFailure(tally, { kind: "logged-model", id }, error);
        }
      });
    }
  } catch (error) {
    if (!(error instanceof SourceError) || !error.isUnknownCall) throw error;
    tally.skip("logged models: this server's MLflow is older than 3.0");
  }
}
