import { parentPort, Worker, workerData } from "node:worker_threads";
import type { Converted } from "./convert-segment.ts";
import { convertSegment } from "./convert-segment.ts";

/** What a thread is told, and says of each segment as it goes. */
interface ConvertOrder {
  segments: string[];
  root: string;
}
type ConvertNews =
  | { began: string }
  | { ended: string; converted: Converted }
  | { failed: string; code: string; message: string };

/** A segment that couldn't be converted; without a name the thread itself didn't run. */
export interface ConvertFailure {
  segment: string | undefined;
  /** The system's, such as ENOSPC; "" for another error. */
  code: string;
  /** With its stack. */
  message: string;
}

/** Memory of the thread beyond which it ends, so that a strange segment can't take its process along. */
const HEAP_MB = 512;

/**
 * Converts segments, one after the other, in a thread that ends with the last: Parquet is some hundred milliseconds of
 * computing that nobody's request should wait for. Resolves with what was done and with what failed.
 * @param file the thread's own program, which calls `runConvertThread`
 */
export function convertInThread(
  file: string,
  order: ConvertOrder,
): Promise<{ converted: Converted[]; failures: ConvertFailure[] }> {
  return new Promise((resolve) => {
    const converted: Converted[] = [];
    const failures: ConvertFailure[] = [];
    let present: string | undefined;
    const thread = new Worker(file, {
      workerData: order,
      name: "slipway-parquet",
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    thread.on("message", (news: ConvertNews) => {
      if ("began" in news) present = news.began;
      else present = undefined;
      if ("ended" in news) converted.push(news.converted);
      if ("failed" in news) failures.push({ segment: news.failed, code: news.code, message: news.message });
    });
    thread.on("error", (error) => failures.push({ segment: present, ...told(error) }));
    thread.on("exit", () => resolve({ converted, failures }));
  });
}

/** The body of the thread. */
export async function runConvertThread(): Promise<void> {
  const { segments, root } = workerData as ConvertOrder;
  const port = parentPort;
  const say = (news: ConvertNews) => port?.postMessage(news);
  for (const segment of segments) {
    say({ began: segment });
    try {
      say({ ended: segment, converted: await convertSegment(segment, root) });
    } catch (error) {
      say({ failed: segment, ...told(error) });
    }
  }
}

/** An error's code doesn't come along from one thread to another. */
function told(error: unknown): Omit<ConvertFailure, "segment"> {
  const { code, stack } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  return { code: code ?? "", message: stack ?? String(error) };
}
