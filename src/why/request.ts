import type { WhyAnswer, WhyLink } from "./answer.ts";
import { explainMade } from "./explain.ts";
import type { WhyKept, WhyOrigin, WhyPipelineRun, WhyRequest, WhySources, WhyVersion } from "./sources.ts";

/** Everything that one answer was made of, read once. */
export interface RequestFacts {
  request: WhyRequest;
  version?: WhyVersion;
  run?: WhyPipelineRun;
  origin?: WhyOrigin;
}

const MOST_DATASETS = 4;
const MOST_STEPS = 4;
const SHORT_DIGEST = 16;
const SHORT_COMMIT = 8;
const VALUE_LINE = 200;

/** What is known of a request; without it what is kept. */
export async function gatherRequest(
  id: string,
  sources: WhySources,
): Promise<{ facts: RequestFacts } | { kept: WhyKept }> {
  const { request, kept } = await sources.request(id);
  if (request === undefined) return { kept };
  const { service, version: number } = request;
  const [version, origin] = await Promise.all([
    sources.version(service, number),
    sources.origin(service, number),
  ]);
  const runId = version?.pipelineRunId ?? origin?.pipelineRunId;
  const run = runId === undefined || runId === null ? undefined : await sources.pipelineRun(runId);
  return {
    facts: {
      request,
      ...(version && { version }),
      ...(run && { run }),
      ...(origin && { origin }),
    },
  };
}

/**
 * Where one answer came from: the request, the version that answered, the pipeline run and the tracking run that made
 * it, the data that it was trained on. Pure.
 */
export function explainRequest(facts: RequestFacts): WhyAnswer {
  const { request, version, run, origin } = facts;
  const first = requestLink(request);
  return {
    subject: `request/${request.id}`,
    chain: [
      first,
      ...explainMade(version, run),
      ...(origin === undefined ? [] : [trackingLink(origin), ...dataLinks(origin)]),
      ...(run === undefined ? [] : stepInputs(run)),
    ],
    rootCause:
      request.status < 400
        ? `nothing is wrong: ${first.message}`
        : `request/${request.id} is ${first.state}: ${request.error ?? first.message}`,
    request: { ...request, origin: origin ?? null, pipelineRunId: run?.id ?? null },
  };
}

function requestLink(request: WhyRequest): WhyLink {
  const { id, at, service, version, arm, status, latencyMs, values } = request;
  const role = request.isDirect ? "asked for by itself" : arm;
  const by = `environment commit ${request.commit.slice(0, SHORT_COMMIT)}`;
  const took =
    latencyMs === null ? "" : ` in ${latencyMs < 10 ? latencyMs.toFixed(1) : Math.round(latencyMs)} ms`;
  const before =
    request.fallbackVersion === null ? "" : `, after version ${request.fallbackVersion} had failed it`;
  const verb = status < 400 ? "answered" : "failed";
  const kept = values === null ? "; its inputs and outputs aren't kept" : "";
  return {
    kind: "request",
    name: id,
    state: String(status),
    message: `version ${version} of ${service} (${role}, ${by}) ${verb}${took}${before}${kept}`,
    at,
    ...(values !== null && { log: valueLines(request) }),
  };
}

function valueLines({ values, prediction }: WhyRequest): string[] {
  if (values === null) return [];
  const lines = [
    `input   ${values.inputs}`,
    ...(values.outputs === "" ? [] : [`output  ${values.outputs}`]),
    ...(values.outputs === "" && prediction !== null ? [`predicted  ${prediction}`] : []),
    ...(values.rows > 1 ? [`(the first of ${values.rows} rows)`] : []),
  ];
  return lines.map((line) => (line.length > VALUE_LINE ? `${line.slice(0, VALUE_LINE - 1)}…` : line));
}

function trackingLink(origin: WhyOrigin): WhyLink {
  const who = origin.user === "" ? "" : ` by ${origin.user}`;
  const gone = origin.isRunThere ? "" : "; it is deleted, this was remembered";
  return {
    kind: "tracking-run",
    name: origin.runId,
    state: origin.experimentName === "" ? "logged" : `in ${origin.experimentName}`,
    message: `${origin.runName === "" ? "logged" : `${JSON.stringify(origin.runName)} logged`}${who}${gone}`,
    at: null,
    ...(origin.commit !== "" && { commit: origin.commit }),
  };
}

function dataLinks({ datasets }: WhyOrigin): WhyLink[] {
  const links = datasets.slice(0, MOST_DATASETS).map(({ name, digest, context, source }): WhyLink => ({
    kind: "data",
    name,
    state: `digest ${digest.slice(0, SHORT_DIGEST)}`,
    message: [context === "" ? "logged with the tracking run" : context, shortSource(source)]
      .filter((part) => part !== "")
      .join(", "),
    at: null,
  }));
  const more = datasets.length - links.length;
  const last = links.at(-1);
  if (more > 0 && last !== undefined) last.message += `; and ${more} more data sets`;
  return links;
}

/** MLflow's source of a data set is JSON, of which a place is what people read. */
function shortSource(source: string): string {
  const [, place] = /"(?:uri|url|path)"\s*:\s*"([^"]{1,200})"/.exec(source) ?? [];
  return place === undefined ? "" : `from ${place}`;
}

/** What the steps of its pipeline declare to read; of the others all of the commit. */
function stepInputs({ id, steps, commit }: WhyPipelineRun): WhyLink[] {
  const reading = steps.filter((step) => step.inputs.length > 0);
  if (reading.length === 0) return [];
  const told = reading
    .slice(0, MOST_STEPS)
    .map((step) => `step ${step.name} read ${step.inputs.slice(0, MOST_STEPS).join(", ")}`);
  const more = reading.length > MOST_STEPS ? [`${reading.length - MOST_STEPS} more steps`] : [];
  return [
    {
      kind: "data",
      name: `inputs of run/${id}`,
      state: "as committed",
      message: [...told, ...more].join("; "),
      at: null,
      commit,
    },
  ];
}

/** Why nothing is told of an id: what is kept, and since when. */
export function notKept(id: string, { idsSince, valuesSince }: WhyKept): string {
  const day = (time: number) => new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
  const ids = idsSince === null ? "no ids are kept yet" : `ids are kept since ${day(idsSince)}`;
  const values =
    valuesSince === null
      ? "no inputs and outputs yet"
      : `inputs and outputs of sampled ones since ${day(valuesSince)}`;
  return `no prediction with the id ${JSON.stringify(id)} is kept: ${ids}, ${values}`;
}
