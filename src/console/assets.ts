import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { SlipwayError } from "../http/errors.ts";

/** The console as it was built: one page, and the files that it loads. */
export interface ConsoleFiles {
  page: { body: Buffer; etag: string };
  /** By file name; a name that isn't here doesn't exist, so no path can leave the folder. */
  assets: ReadonlyMap<string, Asset>;
}

export interface Asset {
  type: string;
  plain: Buffer;
  br: Buffer | undefined;
  gzip: Buffer | undefined;
}

const TYPES: Record<string, string> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".map": "application/json",
};

/** Reads `index.html` and `assets/` of a built console, with what was compressed at build time. */
export async function readConsole(folder: string): Promise<ConsoleFiles> {
  const assetsFolder = join(folder, "assets");
  try {
    const body = await readFile(join(folder, "index.html"));
    const names = await readdir(assetsFolder);
    const read = async (name: string) =>
      names.includes(name) ? readFile(join(assetsFolder, name)) : undefined;
    const assets = new Map<string, Asset>();
    for (const name of names) {
      const type = TYPES[extname(name)];
      const plain = type === undefined ? undefined : await read(name);
      if (type === undefined || plain === undefined) continue;
      assets.set(name, { type, plain, br: await read(`${name}.br`), gzip: await read(`${name}.gz`) });
    }
    return { page: { body, etag: etagOf(body) }, assets };
  } catch (cause) {
    throw new SlipwayError("CONSOLE_NOT_BUILT", "this program was built without its web console", {
      where: folder,
      cause,
    });
  }
}

function etagOf(body: Buffer): string {
  return `"${createHash("sha256").update(body.toString("latin1")).digest("base64url").slice(0, 22)}"`;
}

/** The smallest form of an asset that the caller's Accept-Encoding allows. */
export function encodedFor(
  asset: Asset,
  acceptEncoding: string | undefined,
): { body: Buffer; encoding: "br" | "gzip" | null } {
  const accepted = acceptedCodings(acceptEncoding ?? "");
  if (asset.br !== undefined && accepted.has("br")) return { body: asset.br, encoding: "br" };
  if (asset.gzip !== undefined && accepted.has("gzip")) return { body: asset.gzip, encoding: "gzip" };
  return { body: asset.plain, encoding: null };
}

function acceptedCodings(header: string): Set<string> {
  const accepted = new Set<string>();
  for (const part of header.split(",")) {
    const [coding = "", ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase());
    const isRefused = parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    if (coding !== "" && !isRefused) accepted.add(coding);
  }
  return accepted;
}
