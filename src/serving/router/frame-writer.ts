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
  /** Frames of this turn, and of the last turn that had some. */
  #count = 0;
  #lastCount = 0;

  constructor(to: Writable) {
    this.#to = to;
  }

  /** @param alone nothing else is under way, so that a lone caller's request needn't wait for the turn's end */
  add(id: number, kind: FrameKind, body: Buffer, alone = false): void {
    if (body.length <= COPIED_BYTES) this.#frames.push(requestFrame(id, kind, body));
    else this.#frames.push(requestHead(id, kind, body.length), body);
    // Runs behind all sockets that were readable in this turn.
    if (this.#count === 0) setImmediate(() => this.#endTurn());
    this.#count += 1;
    if (alone && this.#count === 1 && this.#lastCount <= 1) this.#flush();
  }

  #endTurn(): void {
    this.#lastCount = this.#count;
    this.#count = 0;
    this.#flush();
  }

  #flush(): void {
    const frames = this.#frames;
    const [only] = frames;
    if (only === undefined) return;
    this.#frames = [];
    if (frames.length === 1) return void this.#to.write(bytesOf(only));
    this.#to.cork();
    for (const piece of joined(frames)) this.#to.write(bytesOf(piece));
    this.#to.uncork();
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
