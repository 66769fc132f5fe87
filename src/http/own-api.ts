/** As much of an OpenAPI document as is changed here. */
export interface OpenApi {
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: object };
}
interface Operation {
  parameters?: { name: string }[];
  responses?: Record<string, { description?: string }>;
}

/** How every call of our own API says that it failed. */
const ERROR_SCHEMA = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "hint"],
      properties: {
        code: { type: "string", description: "From the catalogue of errors; stable." },
        message: { type: "string" },
        hint: { type: "string", description: "What to do next." },
        where: { type: "string" },
        given: { type: "string" },
        allowed: { type: "string" },
        details: {},
      },
    },
  },
};

/** Our own part of what the framework describes, with the error that every call may answer. */
export function describeOwnApi(document: OpenApi): OpenApi {
  const content = { "application/json": { schema: { $ref: "#/components/schemas/Error" } } };
  const failed = { description: "What went wrong, and what to do next", content };
  const paths = Object.entries(document.paths ?? {})
    .filter(([path]) => path.startsWith("/api/slipway/"))
    .map(([path, calls]) => {
      const named = Object.entries(calls).map(([method, call]) => [
        method,
        {
          ...call,
          ...(call.parameters && {
            // A path's rest has no name in the framework; a document must give it one.
            parameters: call.parameters.map((one) => (one.name === "*" ? { ...one, name: "path" } : one)),
          }),
          responses: { ...done(call.responses), "4XX": failed, "5XX": failed },
        },
      ]);
      return [path.replace("{*}", "{path}"), Object.fromEntries(named)] as const;
    });
  const schemas = { ...document.components?.schemas, Error: ERROR_SCHEMA };
  return { ...document, paths: Object.fromEntries(paths), components: { ...document.components, schemas } };
}

/** A route that doesn't say how it succeeds is described by the framework as 200, whatever it answers: 201, 204. */
function done(responses: Operation["responses"] = {}): object {
  const { 200: ok, ...further } = responses;
  if (ok?.description !== "Default Response") return responses;
  return { ...further, "2XX": { description: "Done" } };
}
