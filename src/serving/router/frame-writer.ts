import type { Writable } from "node:stream";
import { bytesOf, joinBuffers } from "../../base/bytes.ts";
import { requestFrame, requestHead } from "../frames.ts";
import type { FrameKind } from "../frames.ts";

/** A body up to this size is copied behind its head: cheaper than one more piece in the write. */
const COPIED_BYTES = 8 * 1024;

/**
 * Request frames to one worker. Those of one turn of the event loop leave in one write: with many callers, one write for
 * each request costs this process as much as answering it.
 */
export class FrameWriter {
  readonly #to: Writable;
  #frames: Buffer[] = [];
  #isScheduled = false;

  constructor(to: Writable) {
    this.#to = to;
  }

  /** @param alone nothing else is under way, so that nothing is likely to join it */
  add(id: number, kind: FrameKind, body: Buffer, alone = false): void {
    if (body.length <= COPIED_BYTES) this.#frames.push(requestFrame(id, kind, body));
    else this.#frames.push(requestHead(id, kind, body.length), body);
    if (this.#isScheduled) return;
    if (alone) return this.#flush();
    this.#isScheduled = true;
    // Runs behind all sockets that were readable in this turn.
    setImmediate(() => this.#flush());
    return undefined;
  }

  #flush(): void {
    this.#isScheduled = false;
    const frames = this.#frames;
    this.#frames = [];
    const [only] = frames;
    if (frames.length === 1 && only !== undefined) return void this.#to.write(bytesOf(only));
    this.#to.cork();
    for (const piece of joined(frames)) this.#to.write(bytesOf(piece));
    return this.#to.uncork();
  }
}

/** The same bytes in fewer pieces: small neighbours in one, large bodies as they are. */
function joined(frames: readonly Buffer[]): Buffer[] {
  const pieces: Buffer[] = [];
  let small: Buffer[] = [];
  const end = () => {
    if (small.length > 0) pieces.push(small.length === 1 ? (small[0] as Buffer) : joinBuffers(small));
    small = [];
  };
  for (const frame of frames) {
    if (frame.length <= 2 * COPIED_BYTES) small.push(frame);
    else {
      end();
      pieces.push(frame);
    }
  }
  end();
  return pieces;
}
