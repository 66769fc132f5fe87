import { SlipwayError } from "../../http/errors.ts";

/** One pack in the mirror. Nothing in it leans on another pack for a delta; for history it does, on those before it. */
export interface MirroredPack {
  /** Its name below the repository's `packs/`, without an ending: `<epoch>-<random>`; never given twice. */
  name: string;
  bytes: number;
  /** Of the whole file, in hexadecimal. */
  sha256: string;
  /** What it was made for: all that these reach is in this pack and those before it. */
  tips: string[];
}

/** What the mirror holds of one repository. It never names a pack that isn't there. */
export interface Manifest {
  version: 1;
  repository: string;
  /** Of the leader that wrote it: an older one can't write any more. */
  epoch: number;
  /** One more with every write. */
  generation: number;
  /** Random: tells a write from every other. */
  write: string;
  /** The branch that HEAD names, in full. */
  head: string;
  /** Object ids by full names of references. */
  refs: Record<string, string>;
  /** Oldest first. */
  packs: MirroredPack[];
}

export function encodeManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 1)}\n`;
}

/** GIT_MIRROR_DAMAGED for what we can't have written; a newer version's is refused by name. */
export function parseManifest(text: string, where: string): Manifest {
  let found: Partial<Manifest>;
  try {
    found = JSON.parse(text) as Partial<Manifest>;
  } catch (cause) {
    throw damaged(where, "it is no JSON", cause);
  }
  if (found.version !== 1) throw damaged(where, `its version is ${JSON.stringify(found.version)}, not 1`);
  const { epoch, generation, refs, packs, head } = found;
  const isWhole =
    Number.isSafeInteger(epoch) &&
    Number.isSafeInteger(generation) &&
    typeof found.write === "string" &&
    typeof found.repository === "string" &&
    typeof head === "string" &&
    head.startsWith("refs/heads/") &&
    isRecordOfIds(refs) &&
    Array.isArray(packs) &&
    packs.every(isPack);
  if (!isWhole) throw damaged(where, "it isn't whole");
  return found as Manifest;
}

export function damaged(where: string, why: string, cause?: unknown): SlipwayError {
  return new SlipwayError("GIT_MIRROR_DAMAGED", `the mirror of the repositories is damaged: ${why}`, {
    where,
    ...(cause === undefined ? {} : { cause }),
  });
}

const ID = /^[0-9a-f]{40,64}$/;

function isRecordOfIds(refs: unknown): boolean {
  return (
    typeof refs === "object" &&
    refs !== null &&
    Object.entries(refs).every(([ref, id]) => ref.startsWith("refs/") && ID.test(String(id)))
  );
}

function isPack(pack: Partial<MirroredPack>): boolean {
  return (
    /^\d+-[0-9a-z]+$/.test(pack.name ?? "") &&
    Number.isSafeInteger(pack.bytes) &&
    /^[0-9a-f]{64}$/.test(pack.sha256 ?? "") &&
    Array.isArray(pack.tips) &&
    pack.tips.every((id) => ID.test(id))
  );
}
