import type { ShadowCounter, ShadowDifference } from "../../serving/outcomes.ts";
import type { ReadTx, Tx } from "../../store/database.ts";
import type { EvidencePoint } from "../evidence.ts";
import type { EvidenceUpdate } from "../evidence-update.ts";
import { badAnswersOf } from "../bad-answers.ts";
import { addCounts, type LatencyCounts, quantileOf } from "../latency-counts.ts";

/** What is kept of a rollout's looks for people, besides the judgement; it stays when the rollout has ended. */
export interface KeptEvidence {
  /** Of the last look. */
  at: number;
  /** Per cent to the challenger at the last look. */
  share: number;
  latency: KeptLatency;
  /** Of what ended since the last point; null without units. */
  recentP95: EvidencePoint["p95"];
  /** As of the last point: `badAnswersOf` may know of newer ones, and later has forgotten older ones. */
  badAnswers: number;
  /** Null: no copies were sent. */
  shadow: KeptShadow | null;
  /** Oldest first. */
  points: EvidencePoint[];
}

interface KeptLatency {
  champion: LatencyCounts;
  challenger: LatencyCounts;
  /** Since the last point. */
  recent: { champion: LatencyCounts; challenger: LatencyCounts };
  /** Upper edges of the buckets; null: `latencyEdge()`. */
  edges: number[] | null;
}

interface KeptShadow {
  compared: number;
  differed: number;
  dropped: number;
  /** Newest first. */
  examples: ShadowDifference[];
}

/** Counters so far by `<epoch> <incarnation>`; the sums are over all of them. */
interface ShadowCounts {
  counts: Record<string, [compared: number, differed: number, dropped: number]>;
  examples: ShadowDifference[];
}

interface EvidenceRow {
  at: number;
  share: number;
  points: number;
  point_at: number | null;
  spacing_ms: number;
  latency: string;
  bad_answers: number;
  shadow: string;
}

const MOST_POINTS = 400;
const FIRST_SPACING_MS = 500;
const MOST_EXAMPLES = 20;
/** Cells that counters may have in one rollout: its commits times the incarnations of serve. */
const MOST_CELLS = 1000;
/** JSON has no infinity. */
const MOST_WEALTH = 1e300;

const NO_LATENCY: KeptLatency = {
  champion: [],
  challenger: [],
  recent: { champion: [], challenger: [] },
  edges: null,
};

/**
 * Adds what a look brought; called in the transaction that saves the look. A point of the history is added when the
 * one before is far enough away: half a second at first, twice as far each time that the most points are reached and
 * every second one is dropped.
 */
export async function appendEvidencePoint(tx: Tx, update: EvidenceUpdate): Promise<void> {
  const { rolloutId, at } = update;
  const row = await selectRow(tx, rolloutId);
  const latency = withLatency(row ? (JSON.parse(row.latency) as KeptLatency) : NO_LATENCY, update.latency);
  let bad = Number(row?.bad_answers ?? 0);
  const shadow = withShadows(row?.shadow, update.shadows);
  let points = Number(row?.points ?? 0);
  let spacing = Number(row?.spacing_ms ?? FIRST_SPACING_MS);
  const lastAt = row === undefined || row.point_at === null ? null : Number(row.point_at);
  // The distance counts both ways: a clock that was set back must not end the history.
  const isDue = lastAt === null || Math.abs(at - lastAt) >= spacing;
  if (isDue) {
    await insertPoint(tx, update, latency);
    bad = Math.max(bad, await badAnswersOf(tx, rolloutId));
    latency.recent = NO_LATENCY.recent;
    points++;
    if (points >= MOST_POINTS) {
      points -= await dropEverySecond(tx, rolloutId);
      spacing *= 2;
    }
  }
  await tx.run(
    `INSERT INTO rollout_evidence (rollout_id, at, share, points, point_at, spacing_ms, latency, bad_answers, shadow)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (rollout_id) DO UPDATE SET at = excluded.at, share = excluded.share, points = excluded.points,
       point_at = excluded.point_at, spacing_ms = excluded.spacing_ms, latency = excluded.latency,
       bad_answers = excluded.bad_answers, shadow = excluded.shadow`,
    [
      rolloutId,
      at,
      update.share,
      points,
      isDue ? at : lastAt,
      spacing,
      JSON.stringify(latency),
      bad,
      JSON.stringify(shadow),
    ],
  );
}

/** What was kept of a rollout; undefined before its first look. */
export async function selectEvidence(tx: ReadTx, rolloutId: string): Promise<KeptEvidence | undefined> {
  const row = await selectRow(tx, rolloutId);
  if (!row) return undefined;
  const points = await tx.all<{ point: string }>(
    "SELECT point FROM rollout_evidence_points WHERE rollout_id = ? ORDER BY seq",
    [rolloutId],
  );
  const latency = JSON.parse(row.latency) as KeptLatency;
  const { counts, examples } = JSON.parse(row.shadow) as ShadowCounts;
  const cells = Object.values(counts);
  const sum = (index: 0 | 1 | 2): number => cells.reduce((total, cell) => total + cell[index], 0);
  return {
    at: Number(row.at),
    share: Number(row.share),
    latency,
    recentP95: recentP95(latency),
    badAnswers: Number(row.bad_answers),
    shadow: cells.length === 0 ? null : { compared: sum(0), differed: sum(1), dropped: sum(2), examples },
    points: points.map(({ point }) => JSON.parse(point) as EvidencePoint),
  };
}

function selectRow(tx: ReadTx, rolloutId: string): Promise<EvidenceRow | undefined> {
  return tx.get<EvidenceRow>("SELECT * FROM rollout_evidence WHERE rollout_id = ?", [rolloutId]);
}

/** To a hundredth of a millisecond. */
function recentP95({ recent, edges }: KeptLatency): EvidencePoint["p95"] {
  const of = (arm: "champion" | "challenger"): number | null => {
    const p95 = quantileOf(recent[arm], 0.95, edges ?? undefined);
    return p95 === null ? null : Math.round(p95 * 100) / 100;
  };
  return { champion: of("champion"), challenger: of("challenger") };
}

async function insertPoint(tx: Tx, update: EvidenceUpdate, latency: KeptLatency): Promise<void> {
  await tx.run(
    `INSERT INTO rollout_evidence_points (rollout_id, seq, point) VALUES (?,
       (SELECT COALESCE(MAX(seq), 0) + 1 FROM rollout_evidence_points WHERE rollout_id = ?), ?)`,
    [update.rolloutId, update.rolloutId, JSON.stringify(pointOf(update, recentP95(latency)))],
  );
}

/** The point of the history that a judgement makes. */
export function pointOf(
  { at, share, judgement }: Pick<EvidenceUpdate, "at" | "share" | "judgement">,
  p95: EvidencePoint["p95"],
): EvidencePoint {
  return {
    at,
    share,
    harm: finite(judgement.harm),
    metrics: Object.fromEntries(
      judgement.metrics.map(({ metric, harm, safety, champion, challenger }) => [
        metric,
        { harm: finite(harm), safety: finite(safety), champion, challenger },
      ]),
    ),
    p95,
  };
}

async function dropEverySecond(tx: Tx, rolloutId: string): Promise<number> {
  const { changes } = await tx.run(
    `DELETE FROM rollout_evidence_points WHERE rollout_id = ? AND seq IN (
       SELECT seq FROM (SELECT seq, ROW_NUMBER() OVER (ORDER BY seq) AS place
         FROM rollout_evidence_points WHERE rollout_id = ?) AS places WHERE place % 2 = 0)`,
    [rolloutId, rolloutId],
  );
  // A driver may give a bigint.
  return Number(changes);
}

function withLatency(kept: KeptLatency, added: EvidenceUpdate["latency"]): KeptLatency {
  const { champion, challenger, edges } = added;
  if (champion.length === 0 && challenger.length === 0) return { ...kept };
  // Counts by other edges can't be added to these.
  const base = JSON.stringify(kept.edges) === JSON.stringify(edges) ? kept : { ...NO_LATENCY, edges };
  return {
    champion: addCounts(base.champion, champion),
    challenger: addCounts(base.challenger, challenger),
    recent: {
      champion: addCounts(base.recent.champion, champion),
      challenger: addCounts(base.recent.challenger, challenger),
    },
    edges,
  };
}

function withShadows(text: string | undefined, shadows: readonly ShadowCounter[]): ShadowCounts {
  const kept: ShadowCounts =
    text === undefined ? { counts: {}, examples: [] } : (JSON.parse(text) as ShadowCounts);
  const examples = new Map(kept.examples.map((example) => [example.requestId, example]));
  for (const { epoch, incarnation, compared, differed, dropped, examples: newest } of shadows) {
    merge(kept.counts, { [`${epoch} ${incarnation}`]: [compared, differed, dropped] });
    for (const example of newest) examples.set(example.requestId, example);
  }
  const byAge = [...examples.values()].sort((a, b) => b.at - a.at);
  return { counts: kept.counts, examples: byAge.slice(0, MOST_EXAMPLES) };
}

/** Counters only grow, so the newest value of each is the one to keep. */
function merge<Value>(counts: Record<string, Value>, newer: Record<string, Value>): void {
  for (const [key, value] of Object.entries(newer)) {
    if (key in counts || Object.keys(counts).length < MOST_CELLS) counts[key] = value;
  }
}

/** To four digits: a page draws it. */
function finite(wealth: number | null): number {
  return wealth !== null && wealth < MOST_WEALTH ? Number(wealth.toPrecision(4)) : MOST_WEALTH;
}
