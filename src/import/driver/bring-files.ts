import { createHash } from "node:crypto";
import { Readable, Transform } from "node:stream";
import { SlipwayError } from "../../http/errors.ts";
import type { FileKind } from "../kinds.ts";
import { eachAtOnce } from "./at-once.ts";
import { noteFailure, type ImportContext } from "./context.ts";
import type { FileTree } from "./file-tree.ts";
import type { FileEntry } from "./messages.ts";
import { SourceError } from "./source-error.ts";

/** Files of one owner that are on their way at one time. */
const FILES = 4;

/**
 * Brings the files of a run, a logged model or a trace that aren't here yet, each as a stream: none is ever in memory
 * whole. Answers whether all of them are here.
 */
export async function bringFiles(
  context: ImportContext,
  kind: FileKind,
  ownerId: string,
  uri: string | undefined,
): Promise<boolean> {
  const { source, platform, tally, options } = context;
  if (!options.withArtifacts || uri === undefined || uri === "") return true;
  if (context.isThere?.(kind, ownerId) === true) return true;
  const tree = source.files(kind, ownerId, uri);
  let isWhole = true;
  let here: Map<string, number> | undefined;
  const fail = (path: string, error: unknown): void => {
    tally.add("files", "failed");
    isWhole = false;
    noteFailure(tally, { kind: "file", id: `${kind} ${ownerId}: ${path}` }, error);
  };
  try {
    await eachAtOnce(tree.files(), FILES, async (file) => {
      tally.add("files", "found");
      here ??= await platform.files(kind, ownerId);
      const size = here.get(file.path);
      if (size !== undefined && (file.size === undefined || file.size === size))
        return tally.add("files", "unchanged");
      if (options.isDryRun) tally.addBytes(file.size ?? 0);
      else {
        try {
          const isTaken = (await context.takesSame?.(kind, ownerId, tree, file)) === true;
          if (!isTaken) tally.addBytes(await bringFile(context, tree, kind, ownerId, file));
        } catch (error) {
          return fail(file.path, error);
        }
      }
      tally.add("files", "brought");
    });
  } catch (error) {
    // Of a trace without files the server says that there is none.
    if (kind === "trace" && error instanceof SourceError && error.status === 404) return true;
    fail("", error);
  }
  return isWhole;
}

/** From one side to the other; what was read and what was written must have the same SHA-256. Answers bytes. */
function bringFile(
  { platform }: ImportContext,
  tree: FileTree,
  kind: FileKind,
  ownerId: string,
  { path, size }: FileEntry,
): Promise<number> {
  return platform.again(async () => {
    const answer = await tree.open(path);
    const hash = createHash("sha256");
    const counted = new Transform({
      transform(chunk: Buffer, _, done) {
        hash.update(chunk as unknown as Uint8Array);
        done(null, chunk);
      },
    });
    const from = answer.body
      ? Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0])
      : Readable.from([]);
    let broken: unknown;
    // Said by whoever reads it; without a listener it would end the process.
    counted.on("error", () => undefined);
    from.on("error", (error) => {
      broken = error;
      counted.destroy(error);
    });
    try {
      const written = await platform.file(kind, ownerId, path, from.pipe(counted), size);
      const sha256 = hash.digest("hex");
      if (written.sha256 === sha256) return written.size;
      throw new SlipwayError("IMPORT_MISMATCH", "the file changed on its way", {
        where: path,
        given: `${sha256} read, ${written.sha256} written`,
      });
    } catch (error) {
      throw broken ?? error;
    } finally {
      from.destroy();
    }
  });
}
