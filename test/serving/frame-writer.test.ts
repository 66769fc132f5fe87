import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { FRAME_KIND, FrameReader, decodeRequest } from "../../src/serving/frames.ts";
import { FrameWriter } from "../../src/serving/router/frame-writer.ts";

/** Takes what is written, a write at a time. */
function collector(): { to: Writable; writes: Buffer[][] } {
  const writes: Buffer[][] = [];
  const to = new Writable({
    write(chunk: Buffer, _encoding, done) {
      writes.push([chunk]);
      done();
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => chunk as Buffer));
      done();
    },
  });
  return { to, writes };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("frames to a worker", () => {
  it("of one turn leave in one write, in their order, large bodies as they are", async () => {
    const { to, writes } = collector();
    const writer = new FrameWriter(to);
    const bodies = [10, 20_000, 0, 300, 9_000, 5].map((size, id) => Buffer.alloc(size, id));
    bodies.forEach((body, id) => writer.add(id, FRAME_KIND.v2, body));
    expect(writes).toEqual([]);
    await turn();
    expect(writes).toHaveLength(1);
    expect(writes[0]).toContain(bodies[1]);
    const frames = new FrameReader(100_000).push(Buffer.concat((writes[0] ?? []) as unknown as Uint8Array[]));
    expect(frames.map((frame) => decodeRequest(frame))).toEqual(
      bodies.map((body, id) => ({ id, kind: FRAME_KIND.v2, body })),
    );
    await turn();
    expect(writes).toHaveLength(1);
  });

  it("leave at once when nothing can join them", async () => {
    const { to, writes } = collector();
    const writer = new FrameWriter(to);
    writer.add(1, FRAME_KIND.v2, Buffer.from("{}"), true);
    expect(writes).toHaveLength(1);
    await turn();
    expect(writes).toHaveLength(1);
  });

  it("wait for each other once callers come together, alone at first or not", async () => {
    const { to, writes } = collector();
    const writer = new FrameWriter(to);
    for (const id of [1, 2]) writer.add(id, FRAME_KIND.v2, Buffer.from("{}"), id === 1);
    expect(writes).toHaveLength(1);
    await turn();
    expect(writes).toHaveLength(2);
    for (const id of [3, 4]) writer.add(id, FRAME_KIND.v2, Buffer.from("{}"), id === 3);
    expect(writes).toHaveLength(2);
    await turn();
    expect(writes).toHaveLength(3);
    writer.add(5, FRAME_KIND.v2, Buffer.from("{}"), true);
    await turn();
    writer.add(6, FRAME_KIND.v2, Buffer.from("{}"), true);
    expect(writes).toHaveLength(5);
    await turn();
  });

  it("keep their order when one of them is alone behind others that wait", async () => {
    const { to, writes } = collector();
    const writer = new FrameWriter(to);
    writer.add(1, FRAME_KIND.v2, Buffer.from("a"));
    writer.add(2, FRAME_KIND.cancel, Buffer.alloc(0), true);
    await turn();
    const frames = new FrameReader(1_000).push(Buffer.concat(writes.flat() as unknown as Uint8Array[]));
    expect(frames.map((frame) => decodeRequest(frame).id)).toEqual([1, 2]);
  });
});
