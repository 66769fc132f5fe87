import type { FastifyInstance } from "fastify";
import { SlipwayError } from "../http/errors.ts";
import { REQUEST_ID } from "../serving/request-id.ts";
import { nearest } from "../spec/nearest.ts";
import type { WhyAnswer } from "./answer.ts";
import { explain } from "./explain.ts";
import { gather } from "./gather.ts";
import type { WhySubject } from "./gather.ts";
import { explainRequest, gatherRequest, notKept } from "./request.ts";
import type { WhySources } from "./sources.ts";

const FORMS = {
  run: "run/ID",
  version: "version/MODEL/N",
  rollout: "rollout/ID",
  service: "service/MODEL",
  request: "request/ID",
} as const;

const text = { type: "string", minLength: 1, maxLength: 300 } as const;

const schema = {
  tags: ["why"],
  summary: "The chain from a symptom to its root cause",
  description: "`run/ID`, `version/MODEL/N`, `rollout/ID`, `service/MODEL` or `request/ID`.",
  params: { type: "object", properties: { kind: text, "*": text }, required: ["kind", "*"] },
} as const;

/** `GET /api/slipway/v1/why/{kind}/{name…}` answers a `WhyAnswer`. NOT_FOUND, INVALID_REQUEST. */
export function whyRoutes(app: FastifyInstance, deps: { sources: (tenant: string) => WhySources }): void {
  app.get<{ Params: { kind: string; "*": string } }>(
    "/api/slipway/v1/why/:kind/*",
    { schema, config: { access: "read", tenantFrom: "request" } },
    async (request) => {
      const { kind, "*": name } = request.params;
      const sources = deps.sources(request.identity.tenant);
      if (kind === "request" && REQUEST_ID.test(name)) return whyRequest(name, sources);
      const subject = parseSubject(kind, name);
      const answer = explain(subject, await gather(subject, sources));
      if (answer.chain.length === 0) throw new SlipwayError("NOT_FOUND", `there is no ${answer.subject}`);
      return answer;
    },
  );
}

async function whyRequest(id: string, sources: WhySources): Promise<WhyAnswer> {
  const gathered = await gatherRequest(id, sources);
  if ("facts" in gathered) return explainRequest(gathered.facts);
  throw new SlipwayError("REQUEST_NOT_KEPT", notKept(id, gathered.kept), { where: `request/${id}` });
}

function parseSubject(kind: string, name: string): WhySubject {
  const [first = "", second, ...more] = name.split("/");
  if (kind === "version" && more.length === 0 && /^[1-9]\d{0,8}$/.test(second ?? ""))
    return { kind, model: first, version: Number(second) };
  if (second === undefined && (kind === "run" || kind === "rollout")) return { kind, id: first };
  if (second === undefined && kind === "service") return { kind, model: first };
  const form = Object.hasOwn(FORMS, kind) ? FORMS[kind as keyof typeof FORMS] : undefined;
  const near = nearest(kind, Object.keys(FORMS));
  throw new SlipwayError("INVALID_REQUEST", "that names nothing that can be explained", {
    given: `${kind}/${name}`,
    allowed: form ?? Object.values(FORMS).join(", "),
    ...(form === undefined && near !== undefined ? { hint: `Did you mean ${near}/…?` } : {}),
  });
}
