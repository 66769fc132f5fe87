import type { PodReport } from "../../../base/pod-report.ts";
import type { ClusterClient } from "../cluster/client.ts";
import type { OpenStream } from "../cluster/stream.ts";
import { reportPod } from "../pod-report.ts";
import type { ClusterEvent } from "../serving/causes.ts";
import { readPodLog } from "../serving/pod-log.ts";
import type { Pod } from "../serving/pods.ts";
import { EXECUTORS } from "./follow-logs.ts";
import { MAIN, tryOfPod } from "./pods.ts";
import { RUN_LABEL, STEP_LABEL } from "./workflow.ts";

/** What the cluster says of the last pod of a step; none when it was taken away. */
export async function reportStepPod(
  { client, open }: { client: ClusterClient; open: OpenStream },
  { namespace, run, step }: { namespace: string; run: string; step: string },
  lines: number,
): Promise<PodReport[]> {
  const labelSelector = `${RUN_LABEL}=${run},${STEP_LABEL}=${step}`;
  const pods = (await client.listKind("v1", "Pod", { namespace, labelSelector })) as Pod[];
  const last = pods.toSorted((a, b) => tryOfPod(a) - tryOfPod(b)).at(-1);
  if (last === undefined) return [];
  const report = await reportPod(
    last,
    {
      async events({ metadata: { name } }) {
        const all = await client.listKind("v1", "Event", { namespace });
        return (all as unknown as ClusterEvent[]).filter(
          ({ involvedObject }) => involvedObject.name === name,
        );
      },
      log: async (pod, most) =>
        (await readPodLog(open, pod, most, MAIN)).filter((line) => !EXECUTORS.test(line)),
    },
    lines,
  );
  return [report];
}
