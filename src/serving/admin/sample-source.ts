import { SlipwayError } from "../../http/errors.ts";
import type { LogSegment } from "./calls.ts";
import type { AdminClient } from "./client.ts";

/** What one serve process has for the prediction log's files, segment by segment. */
export interface SampleSource {
  /** Oldest first; the last one may go on growing. SERVE_UNREACHABLE and TIMEOUT. */
  segments(): Promise<LogSegment[]>;
  /** What is in one of them by now, in pieces. NOT_FOUND when it is gone. */
  read(name: string): AsyncGenerator<Buffer>;
  /** It is kept elsewhere for good, and may go from there. */
  taken(name: string): Promise<void>;
}

/** Small enough that a process that answers predictions meanwhile needs a millisecond for one. */
const PIECE_BYTES = 256 * 1024;
/** No segment is as large. */
const MOST_BYTES = 256 * 1024 * 1024;

export function sampleSource({ call }: Pick<AdminClient, "call">): SampleSource {
  return {
    segments: async () => (await call("log-segments", null)).segments,
    async *read(name) {
      for (let offset = 0; ;) {
        const { bytes } = await call("log-read", { name, offset, most: PIECE_BYTES });
        const piece = Buffer.from(bytes, "base64");
        if (piece.length === 0) return;
        yield piece;
        offset += piece.length;
        if (offset > MOST_BYTES)
          throw new SlipwayError("TOO_LARGE", `segment ${name} has more than ${MOST_BYTES} bytes`);
      }
    },
    taken: async (name) => void (await call("log-taken", { name })),
  };
}
