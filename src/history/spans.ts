import type { ReadTx, SqlValue } from "../store/database.ts";

export type Role = "champion" | "challenger";

/** A time in which one version had one role, as the environment repository's commits say. */
export interface Span {
  role: Role;
  version: number;
  /** Place of its first commit among all: grows with time. */
  order: number;
  /** Where a page ends: of both roles of one commit another one. */
  key: number;
  /** When serve was given its first commit. Milliseconds since the epoch. */
  from: number;
  commit: string;
  author: string;
  subject: string;
  rolloutId: string | null;
}

interface SpanRow extends Omit<Span, "role" | "key"> {
  place: number;
}

/** Shares of a challenger, of which the last ones are told. */
const MOST_SHARES = 100;

/**
 * The beginnings of a service's spans: commits whose champion, or challenger, is another than the commit's before. A
 * commit has two places, its challenger's and behind it its champion's.
 */
const BEGINNINGS = `WITH changes AS (
    SELECT h.commit_id, h.commit_order, COALESCE(h.applied_at, h.at) AS since, h.author, h.subject,
      COALESCE(h.rollout_id, (SELECT MAX(e.rollout_id) FROM rollout_epochs e
        WHERE e.commit_id = h.commit_id AND e.service = h.service)) AS rollout_id,
      h.champion, h.challenger, LAG(h.champion) OVER (ORDER BY h.commit_order) AS champion_before,
      LAG(h.challenger) OVER (ORDER BY h.commit_order) AS challenger_before
    FROM rollout_history h WHERE h.service = ?),
  spans AS (
    SELECT commit_order * 2 + 1 AS place, champion AS version, commit_id, commit_order, since, author, subject, rollout_id
    FROM changes WHERE champion IS NOT NULL AND (champion_before IS NULL OR champion_before <> champion)
    UNION ALL
    SELECT commit_order * 2, challenger, commit_id, commit_order, since, author, subject, rollout_id
    FROM changes WHERE challenger IS NOT NULL AND (challenger_before IS NULL OR challenger_before <> challenger))
  SELECT place, version, commit_order AS "order", since AS "from", commit_id AS "commit", author, subject,
    rollout_id AS "rolloutId" FROM spans`;

/** Newest first, those that began before a place. */
export async function spansBefore(
  tx: ReadTx,
  service: string,
  before: number,
  limit: number,
): Promise<Span[]> {
  return select(tx, "place < ? ORDER BY place DESC LIMIT ?", [service, before, limit]);
}

/** Those that were going on after the newest commit that was applied by then: the champion's, then the challenger's. */
export async function spansAt(tx: ReadTx, service: string, time: number): Promise<Span[]> {
  const now = await tx.get<{ commit_order: number; champion: number | null; challenger: number | null }>(
    `SELECT commit_order, champion, challenger FROM rollout_history
     WHERE service = ? AND COALESCE(applied_at, at) <= ? ORDER BY commit_order DESC LIMIT 1`,
    [service, time],
  );
  if (!now) return [];
  const newest = (parity: number): Promise<Span[]> =>
    select(tx, `place <= ? AND place % 2 = ${parity} ORDER BY place DESC LIMIT 1`, [
      service,
      now.commit_order * 2 + 1,
    ]);
  return [
    ...(now.champion === null ? [] : await newest(1)),
    ...(now.challenger === null ? [] : await newest(0)),
  ];
}

async function select(tx: ReadTx, where: string, params: SqlValue[]): Promise<Span[]> {
  const rows = await tx.all<SpanRow>(`${BEGINNINGS} WHERE ${where}`, params);
  return rows.map(({ place, ...row }) => ({
    ...row,
    role: Number(place) % 2 === 1 ? "champion" : "challenger",
    key: Number(place),
    version: Number(row.version),
    order: Number(row.order),
    from: Number(row.from),
  }));
}

/** The commit that ended a span; undefined while it goes on. */
export async function endOf(
  tx: ReadTx,
  service: string,
  { role, order, version }: Span,
): Promise<{ at: number; order: number; commit: string; author: string; subject: string } | undefined> {
  const row = await tx.get<{ at: number; order: number; commit: string; author: string; subject: string }>(
    `SELECT COALESCE(applied_at, at) AS "at", commit_order AS "order", commit_id AS "commit", author, subject
     FROM rollout_history WHERE service = ? AND commit_order > ? AND (${role} IS NULL OR ${role} <> ?)
     ORDER BY commit_order LIMIT 1`,
    [service, order, version],
  );
  return row && { ...row, at: Number(row.at), order: Number(row.order) };
}

/** What share a challenger had from when on, oldest first; per cent of requests, or of those that it got copies of. */
export async function sharesOf(
  tx: ReadTx,
  service: string,
  span: { order: number; end: number | undefined },
): Promise<{ at: number; weight: number; shadow: number | null }[]> {
  const rows = await tx.all<{ at: number; weight: number; shadow: number | null }>(
    `SELECT COALESCE(applied_at, at) AS "at", weight, shadow FROM rollout_history
     WHERE service = ? AND commit_order >= ? AND commit_order < ? ORDER BY commit_order DESC LIMIT ?`,
    [service, span.order, span.end ?? Number.MAX_SAFE_INTEGER, MOST_SHARES],
  );
  return rows.reverse().map((row) => ({ ...row, at: Number(row.at) }));
}
