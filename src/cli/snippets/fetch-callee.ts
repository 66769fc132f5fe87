import { SlipwayError } from "../../http/errors.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { oneRow } from "./example.ts";
import type { ExampleTensor, InputPort } from "./example.ts";
import type { Protocol } from "./request.ts";
import type { Callee } from "./snippet.ts";

const ANSWER_WITHIN_MS = 15_000;

interface ExampleAnswer {
  model: string;
  version: number;
  protocols: ("v1" | "v2")[];
  request: { inputs: ExampleTensor[] } | null;
}

/** A service as a caller meets it. */
export interface FoundCallee extends Callee {
  version: number;
  protocols: Protocol[];
  /** Whole header; undefined: none is sent. */
  authorization: string | undefined;
}

/** What it takes to call a model, asked of the platform as its callers would. */
export async function fetchCallee(
  context: CliContext,
  model: string,
  options: TenantOptions,
): Promise<FoundCallee> {
  const client = context.tenantClient(options);
  const url = context.platformUrl(options);
  const authorization = context.authorization(options);
  const name = encodeURIComponent(model);
  const { version, protocols, request } = await client.get<ExampleAnswer>(`/services/${name}/example`);
  const info = await client.get<{ grpcPort: number }>("/info");
  const path = `${url}/v2/models/${name}`;
  const open = await asked(path, undefined);
  const needsToken = open.status === 401;
  const answer = needsToken && authorization !== undefined ? await asked(path, authorization) : open;
  const { inputs } = await described(answer, model);
  return {
    url,
    grpcUrl: `${new URL(url).hostname}:${info.grpcPort}`,
    model,
    version,
    // MLflow's scoring protocol is one of rows, like V1.
    protocols: [
      ...(protocols.includes("v2") ? (["v2"] as const) : []),
      ...(protocols.includes("v1") ? (["v1", "invocations"] as const) : []),
      ...(protocols.includes("v2") ? (["grpc"] as const) : []),
    ],
    inputs: oneRow(inputs, request?.inputs ?? null),
    needsToken,
    authorization: needsToken ? authorization : undefined,
  };
}

async function asked(url: string, authorization: string | undefined): Promise<Response> {
  try {
    return await fetch(url, {
      headers: authorization === undefined ? {} : { authorization },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
  } catch (error) {
    throw new SlipwayError("PLATFORM_UNREACHABLE", "the platform doesn't answer", {
      where: url,
      cause: error,
    });
  }
}

async function described(answer: Response, model: string): Promise<{ inputs: InputPort[] }> {
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text) as { inputs: InputPort[] };
  throw new SlipwayError(
    answer.status === 404 ? "NOT_FOUND" : "UNAVAILABLE",
    `the model ${model} doesn't say what it takes (${answer.status}): ${text.slice(0, 300)}`,
    { where: `service/${model}`, hint: `\`slipway why service/${model}\` says why.` },
  );
}
