import { SlipwayError } from "../http/errors.ts";
import { namedVersion } from "../registry/named-version.ts";
import { PROMPT_TAG } from "../registry/prompts.ts";
import { resolveSource } from "../registry/source.ts";
import { artifactPathOf, joinUri } from "../tracking/artifacts/uri.ts";
import type { ImportDeps } from "./deps.ts";
import { ownerUri } from "./owner-folder.ts";
import type { PlacedVersion } from "./registered-models.ts";
import type { VersionIn } from "./wire.ts";

/**
 * A version with its files' place here. A source that names a place on the old server becomes the place to which its
 * files were brought; `runs:/` and `models:/` stay. A local path of the old server is refused, as everywhere.
 */
export async function placed(
  deps: Pick<ImportDeps, "db" | "artifactUris">,
  workspace: string,
  version: VersionIn,
): Promise<PlacedVersion> {
  const { files, source } = version;
  const isLogical = /^(runs|models):/.test(source);
  if (files !== null) {
    const uri = await deps.db.read((tx) => ownerUri(tx, workspace, files.kind, files.id)).catch(notHere);
    if (uri !== undefined) {
      const here = files.path === "" ? uri : joinUri(uri, files.path);
      return { ...version, source: isLogical ? source : here, artifactPath: artifactPathOf(here) ?? "" };
    }
    // Deleted there: the version is kept, and can't be loaded, as there.
    if (isLogical) return { ...version, artifactPath: "" };
  }
  const isPrompt = version.tags.some(
    ({ key, value }) => key === PROMPT_TAG && value.toLowerCase() === "true",
  );
  const artifactPath = await resolveSource(source, isPrompt, {
    workspace,
    runArtifactUri: (id) => deps.artifactUris.ofRun(workspace, id),
    loggedModel: (id) => deps.artifactUris.ofLoggedModel(workspace, id),
    versionOf: (name, which) => deps.db.read((tx) => namedVersion(tx, { workspace, name }, which)),
  });
  return { ...version, artifactPath };
}

function notHere(error: unknown): undefined {
  if (error instanceof SlipwayError && error.status === 404) return undefined;
  throw error;
}
