import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { SlipwayError } from "../../http/errors.ts";
import { serviceFolder } from "./log-files.ts";
import type { LogFile } from "./log-files.ts";
import type { PredictionLogWriter } from "./prediction-log.ts";
import type { PredictionLogReader } from "./reader.ts";

export interface PredictionLogRoutesDeps {
  reader: PredictionLogReader;
  writer: Pick<PredictionLogWriter, "writeNow">;
  /** A tenant's services. */
  servicesOf(tenant: string): Promise<readonly { name: string }[]>;
  /** Whether the name is a service's of that tenant, also of one that was removed. */
  isServiceOf(tenant: string, name: string): Promise<boolean>;
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
      config: { access: "read", tenantFrom: "request" },
      schema: {
        summary: "Newest logged predictions of a service",
        description:
          "A row per instance; its values are the keys `input_…` and `output_…`, or `inputs` and `outputs` where they are no table.",
        params: draft7(params),
        querystring: draft7(rowsQuery),
      },
    },
    async (request) => {
      const service = await known(deps, request);
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
      config: { access: "read", tenantFrom: "request" },
      schema: {
        summary: "Parquet files of a service's prediction log, oldest first",
        description: "Times are milliseconds since the epoch. Newer requests are in no file yet.",
        params: draft7(params),
        querystring: draft7(span),
      },
    },
    async (request) => filesOf(deps, await known(deps, request), span.parse(request.query)),
  );
  app.post(
    `${BASE}/files`,
    {
      // Nothing is changed but where it lies.
      config: { access: "read", tenantFrom: "request" },
      schema: {
        summary: "Write what was logged until now into Parquet files, and list them",
        params: draft7(params),
        querystring: draft7(span),
      },
    },
    async (request) => {
      const service = await known(deps, request);
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
      config: { access: "read", tenantFrom: "request" },
      schema: { summary: "A Parquet file of a service's prediction log", params: draft7(fileParams) },
    },
    async (request, reply) => {
      const { model, date, file } = fileParams.parse(request.params);
      const isOwn = await deps.isServiceOf(request.identity.tenant, model);
      const path = isOwn ? await deps.reader.path(model, `${date}/${file}`) : undefined;
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
async function known(deps: PredictionLogRoutesDeps, request: FastifyRequest): Promise<string> {
  const { model } = params.parse(request.params);
  const { tenant } = request.identity;
  const names = (await deps.servicesOf(tenant)).map(({ name }) => name);
  if (names.includes(model)) return model;
  if ((await deps.isServiceOf(tenant, model)) && (await deps.reader.files(model)).length > 0) return model;
  throw new SlipwayError("NOT_FOUND", `there is no service ${model}`, {
    given: model,
    allowed: names.join(", ") || "no service yet",
  });
}

function draft7(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { target: "draft-7", io: "input" });
}
