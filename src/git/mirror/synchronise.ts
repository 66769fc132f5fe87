import { SlipwayError } from "../../http/errors.ts";
import type { RefUpdate } from "../hook-protocol.ts";
import { shortId } from "../names.ts";
import type { MirrorDeps } from "./deps.ts";
import { checkConnected, isBehind, presentIn, referencesOf, setReferences } from "./local-repository.ts";
import { damaged, type Manifest } from "./manifest.ts";
import { fetchPack } from "./packs.ts";
import { manifestPath, packPath } from "./paths.ts";
import type { RepositoryMirror } from "./repository-mirror.ts";

/** What was done: nothing, the repository here followed the mirror, or the mirror followed it. */
export type Synchronised = "same" | "restored" | "sent";

/**
 * Brings a repository here and its mirror together, and makes this process the only one that writes the latter.
 * `isTrusted`: the repository went with this mirror until now, so that the mirror is right wherever they differ. Else
 * each reference goes to where it was moved on; GIT_MIRROR_DIVERGED when it was moved on in both.
 */
export async function synchronise(
  deps: MirrorDeps,
  mirror: RepositoryMirror,
  isTrusted: boolean,
): Promise<Synchronised> {
  const { repositories } = deps;
  const { name } = mirror;
  const manifest = await mirror.claim();
  const isHere = await repositories.exists(name);
  const refs = isHere ? await referencesOf(repositories.git, repositories.path(name)) : {};
  if (manifest === undefined) {
    if (Object.keys(refs).length === 0) return "same";
    await send(deps, mirror, {}, refs);
    return "sent";
  }
  const head = isHere ? await repositories.defaultBranch(name) : manifest.head;
  if (isHere && head === manifest.head && difference(refs, manifest.refs).length === 0) return "same";
  await bringObjects(deps, manifest);
  if (isTrusted || !isHere) {
    await follow(deps, manifest, refs);
    return "restored";
  }
  const merged = await merge(deps, name, refs, manifest.refs);
  await setReferences(repositories.git, repositories.path(name), { refs: merged, head });
  if (head === manifest.head && difference(manifest.refs, merged).length === 0) return "restored";
  await send(deps, mirror, manifest.refs, merged);
  return "sent";
}

/** All that the manifest's references reach, verified, without moving anything. */
async function bringObjects(deps: MirrorDeps, manifest: Manifest): Promise<void> {
  const { git, ensure } = deps.repositories;
  const { repository } = manifest;
  const path = await ensure(repository);
  const ids = Object.values(manifest.refs);
  const tips = [...new Set(manifest.packs.flatMap((pack) => pack.tips))];
  const present = new Set(await presentIn(git, path, tips));
  const isMissing = (pack: Manifest["packs"][number]): boolean => pack.tips.some((tip) => !present.has(tip));
  const fetch = async (packs: Manifest["packs"]): Promise<void> => {
    for (const pack of packs) await fetchPack({ ...deps, git }, path, pack, packPath(repository, pack.name));
  };
  await fetch(manifest.packs.filter(isMissing));
  const isWhole = await checkConnected(git, path, ids).then(
    () => true,
    () => false,
  );
  if (isWhole) return;
  // The volume has lost parts of what it seemed to have.
  await fetch(manifest.packs.filter((pack) => !isMissing(pack)));
  await checkConnected(git, path, ids).catch((error: unknown) => {
    throw damaged(manifestPath(repository), "its packs don't hold all that its references reach", error);
  });
}

async function follow(
  deps: MirrorDeps,
  manifest: Manifest,
  before: Readonly<Record<string, string>>,
): Promise<void> {
  const { git, path } = deps.repositories;
  await setReferences(git, path(manifest.repository), manifest);
  for (const { ref, previous, commit } of difference(before, manifest.refs)) {
    if (/^0+$/.test(previous)) continue;
    // What is left behind stays in the repository, for whoever wants it back.
    const line = `${manifest.repository}: ${ref} went from ${previous} to ${shortId(commit)}, as the mirror has it`;
    deps.log(undefined, line);
  }
}

/** Where each reference was moved on. */
async function merge(
  { repositories }: MirrorDeps,
  name: string,
  here: Readonly<Record<string, string>>,
  there: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const merged: Record<string, string> = { ...there, ...here };
  for (const [ref, id] of Object.entries(here)) {
    const other = there[ref];
    if (other === undefined || other === id) continue;
    const { git, path } = repositories;
    if (await isBehind(git, path(name), id, other)) merged[ref] = other;
    else if (!(await isBehind(git, path(name), other, id))) throw diverged(name, ref, id, other);
  }
  return merged;
}

async function send(
  { repositories }: MirrorDeps,
  mirror: RepositoryMirror,
  from: Readonly<Record<string, string>>,
  to: Readonly<Record<string, string>>,
): Promise<void> {
  const updates = difference(from, to);
  const objects = { repository: repositories.path(mirror.name), env: {} };
  await mirror.stage(updates, objects);
  // The references are there already.
  await (await mirror.begin(updates, objects)).end(true);
}

/** What leads from the first to the second. */
function difference(
  from: Readonly<Record<string, string>>,
  to: Readonly<Record<string, string>>,
): RefUpdate[] {
  const refs = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...refs]
    .map((ref) => {
      const [previous, commit] = [from[ref], to[ref]];
      const zeros = "0".repeat((previous ?? commit ?? "").length);
      return { ref, previous: previous ?? zeros, commit: commit ?? zeros };
    })
    .filter(({ previous, commit }) => previous !== commit);
}

function diverged(name: string, ref: string, here: string, there: string): SlipwayError {
  return new SlipwayError("GIT_MIRROR_DIVERGED", `${ref} of ${name} was moved on here and in the mirror`, {
    where: `${name}.git`,
    given: `${here} here`,
    allowed: `${there} in the mirror`,
  });
}
