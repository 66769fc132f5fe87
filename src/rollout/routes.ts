import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { SlipwayError } from "../http/errors.ts";
import type { ServingBackend, VariantState } from "../serving/backend.ts";
import { REQUEST_ID } from "../serving/request-id.ts";
import { describeValue } from "../spec/issue.ts";
import type { Database } from "../store/database.ts";
import type { Rollouts } from "./rollouts.ts";
import { selectServiceOf } from "./rows.ts";
import { oneRolloutView, oneServiceView, rolloutViews, serviceViews } from "./views.ts";

export interface RolloutRoutesDeps {
  db: Database;
  rollouts: Rollouts;
  /** What serves, for the view of one service; left out: nothing is said about workers. */
  backend?: Pick<ServingBackend, "state">;
  /** Who calls, and that person's roles; left out where nobody is told apart. */
  identify?: (request: FastifyRequest) => { name: string; roles: readonly string[] | "all" } | undefined;
}

const BASE = "/api/slipway/v1";
const MOST_LABELS = 10_000;
const LABELS_BODY_BYTES = 8 * 1024 * 1024;

const name = z.string().min(1).max(128);
const modelParams = z.object({ model: name });
const idParams = z.object({ id: z.string().min(1).max(64) });
const actParams = z.object({
  model: name,
  act: z.enum(["promote", "rollback", "hold", "resume", "approve"]),
});
const reasonBody = z.object({ reason: z.string().max(1000).optional() });
/** Characters that end a line, move a cursor or turn the direction: a reason becomes part of a commit's message. */
// oxlint-disable-next-line no-control-regex
const NOT_PLAIN = /[\s\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g;
const labelValue = z.union([z.string().max(1000), z.number(), z.boolean()]);
const labelsBody = z.strictObject({
  labels: z
    .array(
      z.strictObject({
        id: z
          .string()
          .regex(REQUEST_ID, "no request has this id")
          .describe("The prediction's x-slipway-request-id."),
        label: z
          .union([labelValue, z.array(labelValue).min(1).max(4096)])
          .optional()
          .describe("Of one row, or per row."),
        loss: z.custom<number>((value) => typeof value === "number", "loss must be a number").optional(),
        at: z.union([z.number(), z.string().max(40)]).optional(),
      }),
    )
    .max(MOST_LABELS),
});

/** Services, rollouts, what a person does by hand, and labels, below /api/slipway/v1. */
export function rolloutRoutes(app: FastifyInstance, deps: RolloutRoutesDeps): void {
  readRoutes(app, deps);
  app.post(
    `${BASE}/services/:model/:act`,
    {
      config: { access: "write", tenantFrom: "request" },
      schema: {
        params: draft7(actParams),
        body: draft7(reasonBody.nullish()),
        summary: "Decide about a rollout by hand",
      },
    },
    async (request) => {
      const { model, act } = actParams.parse(request.params);
      const given = reasonBody.parse(request.body ?? {});
      const reason = (given.reason ?? "").replaceAll(NOT_PLAIN, " ").trim();
      await requireService(deps, request, model);
      const caller = deps.identify?.(request) ?? { name: "somebody on this machine", roles: "all" as const };
      return deps.rollouts.byHand({ service: model, do: act, who: caller.name, roles: caller.roles, reason });
    },
  );
  app.post(
    `${BASE}/services/:model/labels`,
    {
      bodyLimit: LABELS_BODY_BYTES,
      config: { access: "write", tenantFrom: "request" },
      schema: {
        params: draft7(modelParams),
        summary: "Tell the true answers of predictions",
        description:
          `Body: \`{"labels": [{"id": "<x-slipway-request-id>", "label": <class, or one per row>}]}\`, at most ` +
          `${MOST_LABELS} labels and 8 MiB. Instead of \`label\`: \`"loss": <0 to 1>\`, what the answer cost. With ` +
          "`at`: when the truth became known (milliseconds since the epoch, or ISO 8601). All are taken, or none.",
      },
    },
    async (request) => {
      const { model } = modelParams.parse(request.params);
      const labels = parsedLabels(request.body);
      await requireService(deps, request, model);
      return deps.rollouts.labels(model, labels);
    },
  );
}

/** NOT_FOUND unless the service is the request's tenant's. */
async function requireService(
  { db }: RolloutRoutesDeps,
  { identity }: FastifyRequest,
  model: string,
): Promise<void> {
  found(await db.read((tx) => selectServiceOf(tx, identity.tenant, model)), `service ${model}`);
}

/** Workers of a service's variants; undefined while nobody can say. */
async function variantsOf(
  backend: RolloutRoutesDeps["backend"],
  model: string,
): Promise<VariantState[] | undefined> {
  const state = await backend?.state().catch(() => undefined);
  return state?.variants.filter(({ service }) => service === model);
}

function readRoutes(app: FastifyInstance, { db, backend }: RolloutRoutesDeps): void {
  app.get(
    `${BASE}/services`,
    { config: { access: "read", tenantFrom: "request" }, schema: { summary: "All services" } },
    async ({ identity }) => ({
      services: await db.read((tx) => serviceViews(tx, identity.tenant)),
    }),
  );
  app.get(
    `${BASE}/services/:model`,
    {
      config: { access: "read", tenantFrom: "request" },
      schema: { params: draft7(modelParams), summary: "One service with its history and its workers" },
    },
    async (request) => {
      const { model } = modelParams.parse(request.params);
      const { tenant } = request.identity;
      const view = found(await db.read((tx) => oneServiceView(tx, tenant, model)), `service ${model}`);
      const variants = await variantsOf(backend, model);
      return variants === undefined ? view : { ...view, variants };
    },
  );
  const query = z.object({ model: name.optional() });
  app.get(
    `${BASE}/rollouts`,
    {
      config: { access: "read", tenantFrom: "request" },
      schema: { querystring: draft7(query), summary: "Rollouts, newest first" },
    },
    async (request) => {
      const { model } = query.parse(request.query);
      return { rollouts: await db.read((tx) => rolloutViews(tx, request.identity.tenant, model)) };
    },
  );
  app.get(
    `${BASE}/rollouts/:id`,
    {
      config: { access: "read", tenantFrom: "request" },
      schema: { params: draft7(idParams), summary: "One rollout with its evidence" },
    },
    async (request) => {
      const { id } = idParams.parse(request.params);
      const { tenant } = request.identity;
      return found(await db.read((tx) => oneRolloutView(tx, tenant, id)), `rollout ${id}`);
    },
  );
}

/** Checked here and not by the route's schema: that would turn the label "1" into 1 and back as it likes. */
function parsedLabels(body: unknown): z.infer<typeof labelsBody>["labels"] {
  const parsed = labelsBody.safeParse(body);
  if (parsed.success) return parsed.data.labels;
  const [issue] = parsed.error.issues;
  const code = issue?.code === "too_big" && issue.path.length === 1 ? "TOO_LARGE" : "INVALID_REQUEST";
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown.slice(0, 80)])];
  const isId = path.length === 3 && path[2] === "id";
  throw new SlipwayError(
    code,
    unknown === undefined ? (issue?.message ?? "the body isn't labels") : "a label has an unknown key",
    {
      where: ["body", ...path].join("."),
      given: givenAt(body, path),
      allowed: isId ? `x-slipway-request-id of an answer: ${REQUEST_ID.source}` : ALLOWED_LABELS,
    },
  );
}

const ALLOWED_LABELS =
  `{"labels": [{"id": "<x-slipway-request-id>", "label": <class, or one per row>, "at": <when it became known>}]}, ` +
  `or "loss" (0 to 1) instead of "label", at most ${MOST_LABELS}`;

/** The start of what stands at a path. */
function givenAt(body: unknown, path: readonly PropertyKey[]): string {
  const value = path.reduce<unknown>((of, key) => (of as Record<PropertyKey, unknown> | null)?.[key], body);
  return describeValue(value);
}

function found<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new SlipwayError("NOT_FOUND", `there is no ${what}`);
  return value;
}

function draft7(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { target: "draft-7", io: "input" });
}
