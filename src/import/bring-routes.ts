import type { FastifyInstance, FastifyRequest } from "fastify";
import type { z } from "zod";
import { storedDouble } from "../tracking/wire/json.ts";
import type { MetricPoint } from "../tracking/metrics/metric.ts";
import type { ImportDeps } from "./deps.ts";
import { importExperiment } from "./experiments.ts";
import { int64 } from "./int64.ts";
import type { Bringing } from "./items.ts";
import { importLoggedModel } from "./logged-models.ts";
import { importRegisteredModel } from "./registered-models.ts";
import { BASE, described, importAt, importId, PUSH_SOURCE, read, unchecked } from "./route-parts.ts";
import { importMetrics, importRun } from "./runs.ts";
import { readTrace } from "./trace-in.ts";
import { importTrace } from "./traces.ts";
import { placed } from "./version-place.ts";
import * as wire from "./wire.ts";

/** Bytes of one call; a trace with all its spans must fit. */
const MAX_BODY = 96 * 1024 * 1024;
/** Points of one write, so that others get their turn. */
const POINTS = 2000;

interface Bring<Schema extends z.ZodType> {
  path: string;
  summary: string;
  description?: string;
  body: Schema;
  bring(given: z.infer<Schema>, about: Bringing & { workspace: string }): Promise<object>;
}

/** The calls by which things are brought, each as the source has it. */
export function bringRoutes(app: FastifyInstance, deps: ImportDeps): void {
  const { db, clock, ids, artifactRoot } = deps;
  function add<Schema extends z.ZodType>(route: Bring<Schema>): void {
    const { path, summary, description } = route;
    app.post(
      `${BASE}/:importId/${path}`,
      {
        config: { access: "admin", tenantFrom: "request" },
        ...unchecked,
        bodyLimit: MAX_BODY,
        schema: {
          tags: ["imports"],
          summary,
          ...(description === undefined ? {} : { description }),
          params: described(importId),
          body: described(route.body),
        },
      },
      async (request: FastifyRequest) => {
        const { importId: id, source } = await importAt(request, db);
        const about = {
          workspace: request.identity.tenant,
          importId: id,
          isPush: PUSH_SOURCE.test(source),
          now: clock.now(),
        };
        return route.bring(read(route.body, request.body), about);
      },
    );
  }

  add({
    path: "experiments",
    summary: "Bring an experiment",
    description: "It keeps its id where that is free. One of the same name takes what comes.",
    body: wire.experiment,
    bring: (experiment, about) => db.write(importExperiment, { ...about, artifactRoot, experiment }),
  });
  add({
    path: "runs",
    summary: "Bring tracking runs without their metrics' histories and files",
    body: wire.runs,
    async bring({ runs }, about) {
      await Promise.all(runs.map((run) => db.write(importRun, { ...about, run })));
      return {};
    },
  });
  add({
    path: "metrics",
    summary: "Bring points of a run's metrics",
    body: wire.metrics,
    async bring({ runId, histories }, { workspace }) {
      const points = histories.flatMap(pointsOf);
      for (let at = 0; at < points.length; at += POINTS) {
        await db.write(importMetrics, { workspace, runId, points: points.slice(at, at + POINTS) });
      }
      return {};
    },
  });
  add({
    path: "logged-models",
    summary: "Bring a logged model without its files",
    body: wire.loggedModel,
    async bring(model, about) {
      await db.write(importLoggedModel, { ...about, model });
      return {};
    },
  });
  add({
    path: "registered-models",
    summary: "Bring a registered model or a prompt with versions and aliases",
    description: "The answer says what was left as it is here.",
    body: wire.registeredModel,
    async bring({ versions, ...model }, { workspace }) {
      const done: Awaited<ReturnType<typeof placed>>[] = [];
      for (const version of versions) done.push(await placed(deps, workspace, version));
      return { left: await db.write(importRegisteredModel, { workspace, model, versions: done }) };
    },
  });
  add({
    path: "traces",
    summary: "Bring traces with their spans and assessments",
    body: wire.traces,
    async bring({ traces }, about) {
      for (const trace of traces) {
        const whole = readTrace(trace, () => `a-${ids.hex()}`, about.now);
        await db.write(importTrace, { ...about, ...whole });
      }
      return {};
    },
  });
}

function pointsOf({ key, points }: wire.MetricsIn["histories"][number]): MetricPoint[] {
  return points.map(([timestamp, step, value]) => ({
    key,
    ...storedDouble(value === "NaN" ? Number.NaN : value),
    timestamp: int64(timestamp),
    step: int64(step),
    modelId: null,
    datasetName: null,
    datasetDigest: null,
  }));
}
