import { digestOf, Digest } from "../digest.ts";
import { storedDouble } from "../../tracking/wire/json.ts";
import { int64 } from "../int64.ts";
import type { MetricsIn } from "../wire.ts";
import { eachAtOnce } from "./at-once.ts";
import { bringFiles } from "./bring-files.ts";
import { noteFailure, type ImportContext } from "./context.ts";
import { idOf, metricValue, runIn } from "./convert.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { Run } from "./messages.ts";

/** Points of one call. */
const POINTS = 10_000;
const ENDED: ReadonlySet<string> = new Set(["FINISHED", "FAILED", "KILLED"]);

/** Brings an experiment's tracking runs, or those of a filter; `seen` gets the ids of all. */
export async function bringRuns(
  context: ImportContext,
  from: string,
  to: string,
  seen: Set<string>,
  filter?: string,
): Promise<void> {
  const { source, platform, tally, options } = context;
  for await (const page of source.runs(from, filter)) {
    tally.add("runs", "found", page.length);
    for (const run of page) seen.add(idOf(run));
    const known = await platform.known("run", page.map(idOf));
    await eachAtOnce(page, options.jobs, async (run) => {
      const fingerprint = fingerprintOf(run);
      const isUnchanged = known.get(idOf(run)) === fingerprint && ENDED.has(run.info.status);
      try {
        if (isUnchanged && !options.isRecheck) {
          // A file can come to a run that says the same.
          await bringFiles(context, "run", idOf(run), run.info.artifact_uri);
          return tally.add("runs", "unchanged");
        }
        const isThere = context.isThere?.("run", idOf(run)) === true;
        if (!options.isDryRun && !isThere) await bringRun(context, run, to);
        const isWhole = await bringFiles(context, "run", idOf(run), run.info.artifact_uri);
        if (!options.isDryRun) await noteRun(context, run, isWhole ? fingerprint : "files-missing");
        tally.add("runs", "brought");
      } catch (error) {
        tally.add("runs", "failed");
        noteFailure(tally, { kind: "run", id: idOf(run) }, error);
      } finally {
        sent.delete(run);
      }
    });
  }
}

/** What was sent of the points of a run that is under way. */
const sent = new WeakMap<Run, Digest>();

async function bringRun({ source, platform, tally }: ImportContext, run: Run, to: string): Promise<void> {
  await platform.run(runIn(run, to));
  const digest = new Digest();
  sent.set(run, digest);
  let histories: MetricsIn["histories"] = [];
  let waiting = 0;
  const send = async (): Promise<void> => {
    if (waiting === 0) return;
    await platform.metrics({ runId: idOf(run), histories });
    tally.add("points", "brought", waiting);
    [histories, waiting] = [[], 0];
  };
  for (const { key } of run.data?.metrics ?? []) {
    let last = "";
    for await (const page of source.history(idOf(run), key)) {
      let points: MetricsIn["histories"][number]["points"] = [];
      for (const metric of page) {
        const [timestamp, step, value] = [metric.timestamp ?? 0, metric.step ?? 0, metricValue(metric.value)];
        const text = `${timestamp} ${step} ${value}`;
        // Servers that keep metrics in files keep a point as often as it was logged.
        if (text === last) continue;
        last = text;
        const stored = storedDouble(value === "NaN" ? Number.NaN : value);
        digest.add([key, int64(timestamp), int64(step), stored.value, stored.isNan]);
        points.push([timestamp, step, value]);
        waiting++;
        if (waiting < POINTS) continue;
        histories.push({ key, points });
        points = [];
        await send();
      }
      if (points.length > 0) histories.push({ key, points });
    }
  }
  await send();
  tally.add("points", "found", digest.facts.count);
}

async function noteRun({ platform }: ImportContext, run: Run, fingerprint: string): Promise<void> {
  const { params = [], tags = [] } = run.data ?? {};
  const pairs = (list: typeof params) => digestOf(list.map(({ key, value }) => [key, value ?? ""]));
  const points = sent.get(run)?.facts ?? digestOf([]);
  await platform.done({
    kind: "run",
    id: idOf(run),
    fingerprint,
    facts: { params: pairs(params), tags: pairs(tags), points },
  });
}
