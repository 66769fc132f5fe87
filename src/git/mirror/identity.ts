import type { Ids } from "../../base/ids.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { ConditionalFiles } from "../../store/conditional-files.ts";
import { asAway } from "./deadline.ts";
import { damaged } from "./manifest.ts";

/** Whose mirror it is. */
export interface MirrorIdentity {
  version: 1;
  /** Of the mirror itself, so that a volume knows whether it goes with it. */
  id: string;
  /** Of the platform whose repositories it holds. */
  platform: string;
  /** Of the last leader that opened it. */
  epoch: number;
}

const PATH = "mirror.json";
const TRIES = 5;
/** No store gives such a tag. */
const NO_TAG = '"slipway-no-such-tag"';

/** Whose mirror it is; undefined for one that nobody has opened yet. */
export async function readIdentity(files: ConditionalFiles): Promise<MirrorIdentity | undefined> {
  const found = await read(files);
  return found?.identity;
}

/**
 * Makes the mirror this platform's and puts the leader's term on it: the one that is given, or one more than the last.
 * GIT_MIRROR_FOREIGN when it is another platform's, GIT_MIRROR_FENCED when a later leader has it, GIT_MIRROR_UNSUPPORTED
 * when the store has no conditional writes.
 */
export async function claimIdentity(
  files: ConditionalFiles,
  { ids, platform, epoch }: { ids: Ids; platform: string; epoch: number | undefined },
): Promise<MirrorIdentity> {
  for (let left = TRIES; left > 0; left--) {
    const found = await read(files);
    if (found !== undefined && found.identity.platform !== platform) throw foreign(found.identity, platform);
    const last = found?.identity.epoch ?? 0;
    if (epoch !== undefined && epoch < last) throw fenced(epoch, last);
    const identity = {
      version: 1,
      id: found?.identity.id ?? ids.hex(),
      platform,
      epoch: epoch ?? last + 1,
    } as const;
    const text = `${JSON.stringify(identity)}\n`;
    const tag = await attempt(() => files.write(PATH, text, found?.tag ?? null));
    if (tag === undefined) continue;
    await requireConditions(files, text);
    return identity;
  }
  throw new SlipwayError("GIT_MIRROR_FENCED", "others open this mirror at the same time", { where: PATH });
}

/** Neither of these writes may succeed; one that does changes nothing. */
async function requireConditions(files: ConditionalFiles, text: string): Promise<void> {
  for (const tag of [null, NO_TAG]) {
    if ((await attempt(() => files.write(PATH, text, tag))) === undefined) continue;
    const missing = tag === null ? "If-None-Match" : "If-Match";
    throw unsupported(`it wrote a file in spite of ${missing}`);
  }
}

async function read(files: ConditionalFiles): Promise<{ identity: MirrorIdentity; tag: string } | undefined> {
  const found = await attempt(() => files.read(PATH));
  if (found === undefined) return undefined;
  try {
    const identity = JSON.parse(found.text) as Partial<MirrorIdentity>;
    const { version, id, platform, epoch } = identity;
    if (version === 1 && id && platform && Number.isSafeInteger(epoch))
      return { identity: identity as MirrorIdentity, tag: found.tag };
  } catch (cause) {
    throw damaged(PATH, "it is no JSON", cause);
  }
  throw damaged(PATH, "it isn't whole");
}

async function attempt<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    const given = error instanceof SlipwayError ? error.facts.given : undefined;
    if (given?.includes("status 501")) throw unsupported("it says that it doesn't know it");
    throw asAway(error);
  }
}

function unsupported(why: string): SlipwayError {
  return new SlipwayError("GIT_MIRROR_UNSUPPORTED", `the mirror's store has no conditional writes: ${why}`);
}

function foreign(found: MirrorIdentity, platform: string): SlipwayError {
  return new SlipwayError("GIT_MIRROR_FOREIGN", "the mirror holds another platform's repositories", {
    where: PATH,
    given: `platform ${platform}`,
    allowed: `platform ${found.platform}`,
  });
}

function fenced(epoch: number, last: number): SlipwayError {
  return new SlipwayError(
    "GIT_MIRROR_FENCED",
    `term ${last} has opened the mirror, and this is term ${epoch}`,
  );
}
