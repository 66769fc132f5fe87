import type { ErrorCode } from "../http/errors.ts";
import type { ReadTx } from "../store/database.ts";
import type { AcceptedLabel } from "./commands/labels.ts";
import type { NewLabel } from "./new-labels.ts";

/** What is wrong with one label of a request. */
export interface LabelFinding {
  code: ErrorCode;
  message: string;
  /** `body.labels.<index>.<field>`. */
  where: string;
  given: string;
  allowed: string;
}

/** Clocks of callers may be this much ahead, in milliseconds. */
const AHEAD_MS = 60_000;
/** And this much behind: a truth that is known at once mustn't be refused for the clocks' last digits. */
const BEHIND_MS = 1000;
const PER_QUERY = 500;
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/;

/** What can be seen without the predictions; the findings come in the order of the labels. */
export function wrongLabels(labels: readonly NewLabel[], now: number): LabelFinding[] {
  return labels.flatMap((label, index) => [
    ...wrongTruth(label, `body.labels.${index}`),
    ...wrongTime(label.at, `body.labels.${index}.at`, now),
  ]);
}

function wrongTruth({ label, loss }: NewLabel, where: string): LabelFinding[] {
  if (label !== undefined && loss !== undefined) {
    return [
      {
        code: "LABEL_AND_LOSS",
        message: "a label has both `label` and `loss`",
        where,
        given: `label ${JSON.stringify(label).slice(0, 80)} and loss ${loss}`,
        allowed: "`label` (the truth) or `loss` (what the answer cost), not both",
      },
    ];
  }
  if (label !== undefined) return [];
  if (loss === undefined) {
    return [
      {
        code: "INVALID_REQUEST",
        message: "a label has neither `label` nor `loss`",
        where: `${where}.label`,
        given: "neither",
        allowed: "`label` (the truth) or `loss` (what the answer cost)",
      },
    ];
  }
  if (loss >= 0 && loss <= 1) return [];
  return [
    {
      code: "LABEL_LOSS_INVALID",
      message: "a loss is out of range",
      where: `${where}.loss`,
      given: String(loss),
      allowed: "a number from 0 (right) to 1 (as wrong as can be)",
    },
  ];
}

function wrongTime(at: NewLabel["at"], where: string, now: number): LabelFinding[] {
  if (at === undefined) return [];
  const time = typeof at === "number" || isIsoTime(at) ? new Date(at).getTime() : Number.NaN;
  if (!Number.isFinite(time)) {
    return [
      {
        code: "LABEL_TIME_INVALID",
        message: "the time of a label can't be read",
        where,
        given: String(at).slice(0, 80),
        allowed: "milliseconds since the epoch, or ISO 8601 with its offset, such as 2026-01-31T12:00:00Z",
      },
    ];
  }
  if (time <= now + AHEAD_MS) return [];
  return [
    {
      code: "LABEL_IN_FUTURE",
      message: "a truth can't be known before it happens",
      where,
      given: new Date(time).toISOString(),
      allowed: `at most ${AHEAD_MS / 1000} s after now (${new Date(now).toISOString()})`,
    },
  ];
}

/** Of that form, and on a day that the month has: `Date` makes the 2nd of March of the 30th of February. */
function isIsoTime(text: string): boolean {
  if (!ISO_TIME.test(text)) return false;
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split("-").map(Number);
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

interface PredictionRow {
  service: string;
  request_id: string;
  at: number;
}

/** What was found by the predictions that have been read. */
export interface Compared {
  findings: LabelFinding[];
  /** False when the service's own prediction of some label hasn't been read, if there is one. */
  isComplete: boolean;
}

/** What only the predictions tell: ids of other services, and truths that were known before the question. */
export async function comparedWithPredictions(
  tx: ReadTx,
  service: string,
  labels: readonly AcceptedLabel[],
): Promise<Compared> {
  const compared: Compared = { findings: [], isComplete: true };
  for (let from = 0; from < labels.length; from += PER_QUERY) {
    const part = labels.slice(from, from + PER_QUERY);
    const rows = await tx.all<PredictionRow>(
      `SELECT service, request_id, at FROM rollout_predictions
       WHERE request_id IN (${part.map(() => "?").join(", ")}) ORDER BY service`,
      part.map(({ id }) => id),
    );
    const own = new Map(rows.filter((row) => row.service === service).map((row) => [row.request_id, row]));
    const others = new Map(rows.filter((row) => row.service !== service).map((row) => [row.request_id, row]));
    for (const [offset, label] of part.entries()) {
      const where = `body.labels.${from + offset}`;
      const prediction = own.get(label.id);
      const other = others.get(label.id);
      if (prediction) compared.findings.push(...tooEarly(label, Number(prediction.at), where));
      // A caller may use one id for calls of several services.
      else compared.isComplete = false;
      if (!prediction && other) compared.findings.push(foreign(label.id, service, other.service, where));
    }
  }
  return compared;
}

/** True when the truth was known before the question was asked. */
export function isTooEarly(knownAt: number | null, predictedAt: number): boolean {
  return knownAt !== null && knownAt < predictedAt - BEHIND_MS;
}

function tooEarly({ at, id }: AcceptedLabel, predictedAt: number, where: string): LabelFinding[] {
  if (at === null || !isTooEarly(at, predictedAt)) return [];
  return [
    {
      code: "LABEL_TOO_EARLY",
      message: `the truth of ${id} is said to have been known before its prediction`,
      where: `${where}.at`,
      given: new Date(at).toISOString(),
      allowed: `from ${new Date(predictedAt).toISOString()} on, when the prediction was made (milliseconds, not seconds)`,
    },
  ];
}

function foreign(id: string, service: string, other: string, where: string): LabelFinding {
  return {
    code: "LABEL_OTHER_SERVICE",
    message: `${id} is a prediction of service ${other}, not of ${service}`,
    where: `${where}.id`,
    given: id,
    allowed: `x-slipway-request-id of an answer of ${service}; labels of ${other} go to its own labels`,
  };
}
