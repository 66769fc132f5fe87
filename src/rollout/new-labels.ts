import { SlipwayError } from "../http/errors.ts";
import { acceptLabels, type AcceptedLabel, type LabelsAnswer } from "./commands/labels.ts";
import type { RolloutDeps } from "./deps.ts";
import { type Compared, comparedWithPredictions, type LabelFinding, wrongLabels } from "./label-findings.ts";
import type { Label } from "./loss.ts";
import type { PredictionLog } from "./prediction-log.ts";

/** One truth as a caller gives it: either `label` or `loss`. */
export interface NewLabel {
  /** The prediction's x-slipway-request-id. */
  id: string;
  label?: Label | undefined;
  /** In [0, 1]: what the answer cost, where the caller works that out. */
  loss?: number | undefined;
  /** When the truth became known: milliseconds since the epoch, or ISO 8601 with its offset. */
  at?: number | string | undefined;
}

/** One command per part: thousands of labels in one would keep every other write waiting. */
const LABELS_PER_WRITE = 500;
/** Findings that a refusal tells of. */
const MOST_TOLD = 20;

/**
 * Takes in the labels of one service, or none of them: what is wrong with any is told in one refusal (LABEL_*), before
 * anything is written.
 */
export async function takeInLabels(
  deps: Pick<RolloutDeps, "db" | "clock">,
  log: PredictionLog,
  service: string,
  labels: readonly NewLabel[],
): Promise<LabelsAnswer> {
  refuse(wrongLabels(labels, deps.clock.now()));
  const accepted = labels.map(toAccepted);
  const compare = (): Promise<Compared> =>
    deps.db.read((tx) => comparedWithPredictions(tx, service, accepted));
  let compared = await compare();
  if (!compared.isComplete) {
    // What is answered must not hang on whether the prediction has been read by now.
    await log.catchUp();
    compared = await compare();
  }
  refuse(compared.findings);
  const sum: LabelsAnswer = {
    accepted: 0,
    duplicate: 0,
    conflicting: 0,
    unknown: 0,
    late: 0,
    mismatch: 0,
  };
  for (let from = 0; from < accepted.length; from += LABELS_PER_WRITE) {
    const part = accepted.slice(from, from + LABELS_PER_WRITE);
    const answer = await deps.db.write(acceptLabels, { service, labels: part, now: deps.clock.now() });
    for (const key of Object.keys(sum) as (keyof LabelsAnswer)[]) sum[key] += answer[key];
  }
  return sum;
}

function toAccepted({ id, label, loss, at }: NewLabel): AcceptedLabel {
  return {
    id,
    truth: label === undefined ? { loss: loss ?? 0 } : { label },
    at: at === undefined ? null : new Date(at).getTime(),
  };
}

function refuse(findings: readonly LabelFinding[]): void {
  const [first] = findings;
  if (!first) return;
  const { code, message, where, given, allowed } = first;
  const more = findings.length - 1;
  throw new SlipwayError(code, more === 0 ? message : `${message} (and ${more} more in this request)`, {
    where,
    given,
    allowed,
    ...(more === 0 ? {} : { details: { problems: findings.slice(0, MOST_TOLD) } }),
  });
}
