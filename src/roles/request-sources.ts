import { originOf } from "../history/origin.ts";
import type { LogRow } from "../monitoring/prediction-log/log-row.ts";
import type { PredictionLogReader } from "../monitoring/prediction-log/reader.ts";
import { sideText } from "../monitoring/prediction-log/side-text.ts";
import { ownerOfService } from "../rollout/service-owners.ts";
import type { FoundPrediction, PredictionRecord } from "../serving/outcomes.ts";
import type { Database } from "../store/database.ts";
import type { WhyRequest, WhySources } from "../why/sources.ts";

/** What `slipway why request/ID` reads: every request's record from serve, values from the prediction log. */
export function requestSources(deps: {
  db: Database;
  backend: { prediction(requestId: string): Promise<FoundPrediction> };
  reader: PredictionLogReader;
}): (tenant: string) => Pick<WhySources, "request" | "origin"> {
  const { db, backend, reader } = deps;
  const isOf = async (tenant: string, service: string): Promise<boolean> =>
    (await db.read((tx) => ownerOfService(tx, service))) === tenant;
  return (tenant) => ({
    async request(id) {
      // While serve is away, what is in the files can be told all the same.
      const found = await backend.prediction(id).catch((): FoundPrediction => ({ since: null }));
      const { since } = found;
      // Another tenant's request is looked for as long as one that never was.
      const record = found.record && (await isOf(tenant, found.record.service)) ? found.record : undefined;
      const all = await reader.find(id, record && { service: record.service, at: record.at });
      const rows = all[0] !== undefined && (await isOf(tenant, all[0].service)) ? all : [];
      const request = requestOf(record, rows);
      const kept = { idsSince: since, valuesSince: request === undefined ? await reader.since() : null };
      return request === undefined ? { kept } : { request, kept };
    },
    origin: (model, version) =>
      db.read(async (tx) => {
        const { origin, isRunThere } = await originOf(tx, { workspace: tenant, model, version });
        return origin.runId === "" ? undefined : { ...origin, isRunThere };
      }),
  });
}

function requestOf(record: PredictionRecord | undefined, rows: readonly LogRow[]): WhyRequest | undefined {
  const [row] = rows;
  const known = record === undefined ? row && toldByRow(row) : toldByRecord(record);
  if (known === undefined) return undefined;
  return {
    ...known,
    latencyMs: row?.latency_ms ?? null,
    error: row?.error ?? null,
    values:
      row === undefined
        ? null
        : { rows: rows.length, inputs: sideText(row, "input"), outputs: sideText(row, "output") },
  };
}

type Told = Omit<WhyRequest, "latencyMs" | "error" | "values">;

function toldByRecord(record: PredictionRecord): Told {
  return {
    id: record.requestId,
    at: record.at,
    service: record.service,
    version: record.version,
    arm: record.arm,
    status: record.status,
    // An emergency stop, and a sticky caller's later requests, are marks behind it.
    commit: record.epoch.replace(/[!~]+$/, ""),
    isDirect: record.direct === true,
    fallbackVersion: record.fallback?.version ?? null,
    prediction: record.prediction === undefined ? null : JSON.stringify(record.prediction),
  };
}

function toldByRow(row: LogRow): Told {
  return {
    id: row.request_id,
    at: row.time.getTime(),
    service: row.service,
    version: row.version,
    arm: row.arm,
    status: row.status,
    commit: row.commit,
    isDirect: row.direct,
    fallbackVersion: row.fallback_version,
    prediction: null,
  };
}
