import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { SlipwayError } from "../../http/errors.ts";
import { serviceFolder } from "./log-files.ts";
import type { LogFile } from "./log-files.ts";
import type { PredictionLogWriter } from "./prediction-log.ts";
import type { PredictionLogReader } from "./reader.ts";

export interface PredictionLogRoutesDeps {
  reader: PredictionLogReader;
  writer: Pick<PredictionLogWriter, "writeNow">;
  /** Names of the services that are known. */
  services(): Promise<readonly { name: string }[]>;
}

const BASE = "/api/slipway/v1/services/:model/predictions";
const MOST_ROWS = 1_000;
const TYPE = "application/vnd.apache.parquet";

const params = z.object({ model: z.string().min(1).max(256) });
const time = z.coerce.number().int().min(0);
const span = z.object({
  since: time.optional().describe("From then on, in milliseconds since the epoch."),
  until: time.optional().describe("Before that."),
});
const rowsQuery = span.extend({ limit: z.coerce.number().int().min(1).max(MOST_ROWS).default(50) });
const fileParams = params.extend({ date: z.string().max(10), file: z.string().max(120) });

/** The prediction log, below /api/slipway/v1: its newest rows, and its Parquet files. NOT_FOUND. */
export function predictionLogRoutes(app: FastifyInstance, deps: PredictionLogRoutesDeps): void {
  const { reader, writer } = deps;
  app.get(
    BASE,
    {
      config: { access: "read" },
      schema: {
        summary: "Newest logged predictions of a service",
        description:
          "A row per instance; its values are the keys `input_…` and `output_…`, or `inputs` and `outputs` where they are no table.",
        params: draft7(params),
        querystring: draft7(rowsQuery),
      },
    },
    async (request) => {
      const service = await known(deps, params.parse(request.params));
      const { since, until, limit } = rowsQuery.parse(request.query);
      const rows = await reader.newest({
        service,
        limit,
        ...(since !== undefined && { since }),
        ...(until !== undefined && { until }),
      });
      return { rows };
    },
  );
  app.get(
    `${BASE}/files`,
    {
      config: { access: "read" },
      schema: {
        summary: "Parquet files of a service's prediction log, oldest first",
        description: "Times are milliseconds since the epoch. Newer requests are in no file yet.",
        params: draft7(params),
        querystring: draft7(span),
      },
    },
    async (request) =>
      filesOf(deps, await known(deps, params.parse(request.params)), span.parse(request.query)),
  );
  app.post(
    `${BASE}/files`,
    {
      // Nothing is changed but where it lies.
      config: { access: "read" },
      schema: {
        summary: "Write what was logged until now into Parquet files, and list them",
        params: draft7(params),
        querystring: draft7(span),
      },
    },
    async (request) => {
      const service = await known(deps, params.parse(request.params));
      await writer.writeNow();
      return filesOf(deps, service, span.parse(request.query));
    },
  );
  downloadRoute(app, deps);
}

function downloadRoute(app: FastifyInstance, deps: PredictionLogRoutesDeps): void {
  app.get(
    `${BASE}/files/:date/:file`,
    {
      config: { access: "read" },
      schema: { summary: "A Parquet file of a service's prediction log", params: draft7(fileParams) },
    },
    async (request, reply) => {
      const { model, date, file } = fileParams.parse(request.params);
      const path = await deps.reader.path(model, `${date}/${file}`);
      const size = path === undefined ? undefined : (await stat(path).catch(() => undefined))?.size;
      if (path === undefined || size === undefined)
        throw new SlipwayError("NOT_FOUND", `the prediction log of ${model} has no file ${date}/${file}`, {
          hint: "List the files again: old ones are removed.",
        });
      return reply
        .header("content-type", TYPE)
        .header("content-length", size)
        .header("content-disposition", `attachment; filename="${serviceFolder(model)}-${basename(path)}"`)
        .header("x-content-type-options", "nosniff")
        .send(createReadStream(path, { end: size - 1 }));
    },
  );
}

async function filesOf(
  { reader }: PredictionLogRoutesDeps,
  service: string,
  { since = 0, until = Infinity }: z.infer<typeof span>,
): Promise<{ files: Omit<LogFile, "segment">[] }> {
  const files = await reader.files(service);
  return {
    files: files
      .filter(({ from, to }) => to >= since && from < until)
      .map(({ name, date, from, to, bytes }) => ({ name, date, from, to, bytes })),
  };
}

/** The service's name; one that is removed is known as long as it has files. */
async function known(deps: PredictionLogRoutesDeps, { model }: { model: string }): Promise<string> {
  const names = (await deps.services()).map(({ name }) => name);
  if (names.includes(model) || (await deps.reader.files(model)).length > 0) return model;
  throw new SlipwayError("NOT_FOUND", `there is no service ${model}`, {
    given: model,
    allowed: names.join(", ") || "no service yet",
  });
}

function draft7(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { target: "draft-7", io: "input" });
}
