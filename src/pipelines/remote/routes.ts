import type { FastifyInstance, FastifyRequest } from "fastify";
import { SlipwayError } from "../../http/errors.ts";
import type { StepEffects } from "../effects.ts";
import type { StepDesk, StepTry } from "./desk.ts";
import { stepFileRoutes } from "./file-routes.ts";
import { stepReportSchema } from "./report.ts";
import { requireStep, RUNS, tenantOf } from "./route-parts.ts";
import {
  EFFECTS_ANSWER,
  EFFECTS_BODY,
  ENTRY_BODY,
  KEY_PARAMS,
  LAST_KEPT_BODY,
  REPORT_BODY,
  STEP_PARAMS,
  TRY_PARAMS,
} from "./route-schemas.ts";

/** A report names up to 50,000 files. */
const MAX_REPORT_BYTES = 16 * 2 ** 20;

/** What steps in pods ask of the platform and tell it. Only steps may: an assignment holds their credentials. */
export function stepRoutes(app: FastifyInstance, { desk }: { desk: StepDesk }): void {
  const config = { access: "write", tenantFrom: "request" } as const;
  const one = `${RUNS}/:id/steps/:step`;

  app.get<{ Params: TryParams }>(
    `${one}/tries/:try`,
    { config, schema: { summary: "For a step in a pod: what it has to do", params: TRY_PARAMS } },
    async (request) => desk.assignment(tryOf(request)),
  );

  app.put<{ Params: TryParams; Body: unknown }>(
    `${one}/tries/:try`,
    {
      config,
      bodyLimit: MAX_REPORT_BYTES,
      schema: { summary: "For a step in a pod: what became of it", params: TRY_PARAMS, body: REPORT_BODY },
    },
    async (request, reply) => {
      const of = tryOf(request);
      const parsed = stepReportSchema.safeParse(request.body);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        throw new SlipwayError("INVALID_REQUEST", issue?.message ?? "that is no report", {
          where: `body/${issue?.path.join("/") ?? ""}`,
        });
      }
      await desk.report(of, parsed.data);
      return reply.status(204).send();
    },
  );

  app.post<{ Params: TryParams; Body: { do: "begin" | "end" | "replay"; effects?: StepEffects } }>(
    `${one}/tries/:try/effects`,
    {
      config,
      schema: {
        summary: "For a step in a pod: watch what it logs, or log the same again",
        params: TRY_PARAMS,
        body: EFFECTS_BODY,
        response: { 200: EFFECTS_ANSWER },
      },
    },
    async (request) => {
      const of = tryOf(request);
      const { body } = request;
      if (body.do === "end") return desk.endEffects(of);
      if (body.do === "begin") {
        await desk.beginEffects(of);
        return {};
      }
      const refused = await desk.replayEffects(of, body.effects ?? {});
      return refused === undefined ? {} : { refused };
    },
  );

  keptRoutes(app, desk);
  stepFileRoutes(app, desk);
}

/** The step cache. */
function keptRoutes(app: FastifyInstance, desk: StepDesk): void {
  const config = { access: "write", tenantFrom: "request" } as const;
  const one = `${RUNS}/:id/steps/:step`;

  app.get<{ Params: KeyParams }>(
    `${one}/cache/:key`,
    { config, schema: { summary: "For a step in a pod: a kept result by its key", params: KEY_PARAMS } },
    async (request) => {
      const entry = await desk.files.kept(tenantOf(request, desk), request.params.key);
      if (entry === undefined) throw new SlipwayError("NOT_FOUND", "nothing is kept by that key");
      return entry;
    },
  );

  app.put<{ Params: KeyParams; Body: object }>(
    `${one}/cache/:key`,
    {
      config,
      bodyLimit: MAX_REPORT_BYTES,
      schema: { summary: "For a step in a pod: keep its result", params: KEY_PARAMS, body: ENTRY_BODY },
    },
    async (request, reply) => {
      const { id, key } = request.params;
      await desk.files.keep(tenantOf(request, desk), key, { ...(request.body as object), run: id });
      return reply.status(204).send();
    },
  );

  app.delete<{ Params: KeyParams }>(
    `${one}/cache/:key`,
    { config, schema: { summary: "For a step in a pod: forget a damaged result", params: KEY_PARAMS } },
    async (request, reply) => {
      await desk.files.forget(tenantOf(request, desk), request.params.key);
      return reply.status(204).send();
    },
  );

  app.get<{ Params: StepParams }>(
    `${one}/last-kept`,
    { config, schema: { summary: "For a step in a pod: its last result's key", params: STEP_PARAMS } },
    async (request) => {
      const { id, step } = request.params;
      const tenant = tenantOf(request, desk);
      const { project } = desk.find({ tenant, run: id }).spec;
      const last = await desk.files.lastKept(tenant, project.name, step);
      if (last === undefined) throw new SlipwayError("NOT_FOUND", "nothing is known of its last result");
      return last;
    },
  );

  app.put<{ Params: StepParams; Body: object }>(
    `${one}/last-kept`,
    {
      config,
      bodyLimit: MAX_REPORT_BYTES,
      schema: {
        summary: "For a step in a pod: say what was kept",
        params: STEP_PARAMS,
        body: LAST_KEPT_BODY,
      },
    },
    async (request, reply) => {
      const { id, step } = request.params;
      const tenant = tenantOf(request, desk);
      const { project } = desk.find({ tenant, run: id }).spec;
      await desk.files.setLastKept(tenant, project.name, step, request.body);
      return reply.status(204).send();
    },
  );
}

interface StepParams {
  id: string;
  step: string;
}
interface KeyParams extends StepParams {
  key: string;
}
interface TryParams extends StepParams {
  try: number;
}

function tryOf(request: FastifyRequest<{ Params: TryParams }>): StepTry {
  const { id, step, try: tryNumber } = request.params;
  requireStep(request);
  return { tenant: request.identity.tenant, run: id, step, tryNumber };
}
