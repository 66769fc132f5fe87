import type { ServingControl } from "../../../serving/admin/serving-control.ts";
import type { FoundPrediction } from "../../../serving/outcomes.ts";

/** Of those that answer. */
export async function answersOf<Answer>(
  all: readonly ServingControl[],
  ask: (control: ServingControl) => Promise<Answer>,
): Promise<Answer[]> {
  const answers = await Promise.allSettled(all.map(ask));
  return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
}

/** The newest of that id in any log, and since when the oldest one goes back. Rejects when one can't be asked: it might have it. */
export async function findPrediction(
  all: readonly ServingControl[],
  requestId: string,
): Promise<FoundPrediction> {
  const found = await Promise.all(all.map((control) => control.prediction(requestId)));
  const records = found.flatMap(({ record }) => record ?? []).toSorted((a, b) => b.at - a.at);
  const since = found.flatMap((one) => one.since ?? []);
  return {
    ...(records[0] && { record: records[0] }),
    since: since.length === 0 ? null : Math.min(...since),
  };
}
