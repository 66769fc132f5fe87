// docs/reference/api.md from the OpenAPI document of the control process.

const HEAD = `# API

Our own JSON API. The OpenAPI 3.1 document is [openapi.json](openapi.json); a
running platform serves it at \`/api/slipway/v1/openapi.json\`. Times are
milliseconds since the epoch; errors are in [errors.md](errors.md). Beside it the same address serves MLflow's
REST API ([guides/mlflow.md](../guides/mlflow.md), [mlflow-openapi.json](mlflow-openapi.json)), the Open Inference Protocol
([guides/serving.md](../guides/serving.md)) and Git ([guides/pushing.md](../guides/pushing.md)).

Made from the routes' schemas by \`node tools/reference.mjs --write\`.
`;

/** A section for each call, by path. */
export function apiPage(document) {
  const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, call]) => ({ path, method: method.toUpperCase(), call })),
  );
  for (const { path, method, call } of calls)
    if (!call.summary) throw new Error(`${method} ${path} has no summary in its route's schema`);
  calls.sort((a, b) => (a.path + a.method < b.path + b.method ? -1 : 1));
  return HEAD + calls.map(section).join("");
}

function section({ path, method, call }) {
  const rows = [
    ...(call.parameters ?? []).map(({ name, in: place, required, schema, description }) =>
      row(name, place, required, { description, ...schema }),
    ),
    ...bodyRows(call.requestBody?.content?.["application/json"]?.schema),
  ];
  const title = `\n## ${method} ${path.replace("{path}", "{path…}")}\n\n${call.summary}.`;
  const more = call.description ? ` ${call.description}` : "";
  const table =
    rows.length === 0 ? "" : `\n| name | in | type | meaning |\n|---|---|---|---|\n${rows.join("")}`;
  return `${title}${more}\n${table}`;
}

/** A body that may be left out comes as a choice of null and the object. */
function bodyRows(schema) {
  const object = schema?.anyOf?.find(({ properties }) => properties) ?? schema;
  const required = new Set(object?.required ?? []);
  return Object.entries(object?.properties ?? {}).map(([name, one]) =>
    row(name, "body", required.has(name), one),
  );
}

function row(name, place, required, schema = {}) {
  const type = `${typeOf(schema)}${required ? "" : ", optional"}`;
  const rest = schema.default === undefined ? "" : `Default: \`${String(schema.default)}\`.`;
  const meaning = [schema.description, rest].filter(Boolean).join(" ").replaceAll("|", "\\|");
  return `| \`${name}\` | ${place} | ${type} | ${meaning} |\n`;
}

function typeOf({ type, enum: values, minimum, maximum, maxLength }) {
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(", ");
  const name = Array.isArray(type) ? type.join(" or ") : (type ?? "any");
  // Whole numbers without a limit of their own carry the largest safe integer.
  const max = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (max !== undefined) return `${name} ${minimum ?? ""} to ${max}`;
  if (minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER) return `${name} from ${minimum}`;
  return maxLength === undefined ? name : `${name} up to ${maxLength}`;
}
