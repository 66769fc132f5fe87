import type { Migration } from "../store/database.ts";

/** Labels that wait until their prediction is old enough, and evidence over time. */
export const evidenceMigration: Migration = {
  id: "rollout-003",
  statements: [
    "ALTER TABLE rollout_labels ADD COLUMN predicted_at BIGINT",
    "ALTER TABLE rollout_labels ADD COLUMN known_at BIGINT",
    "ALTER TABLE rollout_labels ADD COLUMN is_bad INTEGER",
    "CREATE INDEX rollout_labels_bad ON rollout_labels (rollout_id) WHERE is_bad = 1",
    "ALTER TABLE rollout_predictions ADD COLUMN failed INTEGER",
    "CREATE INDEX rollout_predictions_by_request ON rollout_predictions (request_id)",
    `CREATE TABLE rollout_labels_due (
      rollout_id TEXT NOT NULL, within_ms BIGINT NOT NULL, service TEXT NOT NULL, request_id TEXT NOT NULL,
      due_at BIGINT NOT NULL, share DOUBLE PRECISION NOT NULL, arm TEXT NOT NULL, loss DOUBLE PRECISION NOT NULL,
      PRIMARY KEY (rollout_id, within_ms, service, request_id))`,
    "CREATE INDEX rollout_labels_due_by_time ON rollout_labels_due (rollout_id, within_ms, due_at)",
    // Labels that were joined and not yet counted when this version took over; metrics counted at once then.
    `INSERT INTO rollout_labels_due (rollout_id, within_ms, service, request_id, due_at, share, arm, loss)
     SELECT l.rollout_id, 0, l.service, l.request_id, l.at, l.share, l.arm, l.loss
     FROM rollout_labels l JOIN rollouts r ON r.id = l.rollout_id
     WHERE l.state = 'joined' AND l.join_seq > r.labels_cursor AND r.ended_at IS NULL`,
    `CREATE TABLE rollout_evidence (
      rollout_id TEXT PRIMARY KEY, at BIGINT NOT NULL, share DOUBLE PRECISION NOT NULL, points BIGINT NOT NULL,
      point_at BIGINT, spacing_ms BIGINT NOT NULL, latency TEXT NOT NULL, bad_answers BIGINT NOT NULL,
      shadow TEXT NOT NULL)`,
    `CREATE TABLE rollout_evidence_points (
      rollout_id TEXT NOT NULL, seq BIGINT NOT NULL, point TEXT NOT NULL, PRIMARY KEY (rollout_id, seq))`,
  ],
};
