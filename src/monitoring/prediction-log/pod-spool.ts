import { joinBuffers } from "../../base/bytes.ts";
import type { SampleSource } from "../../serving/admin/sample-source.ts";
import { segmentOf } from "./spool.ts";
import type { Spool, SpoolSegment } from "./spool.ts";

/** What serve pods have that isn't in a file yet. Of one that is away nothing is told. */
export function podSpool(sources: () => Promise<readonly SampleSource[]>): Spool {
  return {
    async segments() {
      const all = await Promise.all((await sources()).map((source) => segmentsAt(source).catch(() => [])));
      // Their names begin with when their process began.
      return all.flat().sort((a, b) => a.name.localeCompare(b.name));
    },
  };
}

async function segmentsAt(source: SampleSource): Promise<SpoolSegment[]> {
  return (await source.segments()).map(({ name }) => ({
    name: segmentOf(name),
    read: () => whole(source, name).catch(() => undefined),
  }));
}

async function whole(source: SampleSource, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const bytes of source.read(name)) chunks.push(bytes);
  return joinBuffers(chunks);
}
