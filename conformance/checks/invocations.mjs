import { NotOffered, isMissing, must } from "../outcome.mjs";
import { nest } from "../tensors.mjs";

export const area = "MLflow invocations";
const CLAUSE = "MLflow scoring protocol";

/** `/endpoints/NAME/invocations` where there are several models, else `/invocations`. */
async function pathOf(client, { name }) {
  for (const path of [`/endpoints/${encodeURIComponent(name)}/invocations`, "/invocations"]) {
    const { status } = await client.send("POST", path, { body: {} });
    if (!isMissing(status)) return path;
  }
  throw new NotOffered("neither /endpoints/MODEL/invocations nor /invocations is there");
}

function check(name, run) {
  return {
    name,
    clause: CLAUSE,
    transport: "rest",
    async run(context) {
      const path = await pathOf(context.client, context.subject);
      await run(
        (body, type = "application/json") =>
          context.client.send("POST", path, { body, headers: { "content-type": type } }),
        context.subject,
      );
    },
  };
}

/** The model's one matrix of numbers. */
function matrixOf({ metadata, first }) {
  const isMatrix = metadata.inputs?.length === 1 && first.shape.length === 2 && first.datatype !== "BYTES";
  if (!isMatrix) throw new NotOffered("the model doesn't take one matrix of numbers");
  const rows = nest(first.data, first.shape);
  return { rows, columns: rows[0].map((_, index) => `c${index}`) };
}

function mustPredict({ status, json, bytes }) {
  must(status === 200, `it answers ${status} ${bytes.toString("utf8", 0, 120)}`);
  must(json?.predictions !== undefined, `it answers ${bytes.toString("utf8", 0, 80)}`);
}

function mustBeRefused({ status, bytes }) {
  must(status >= 400 && status < 500, `it answers ${status} ${bytes.toString("utf8", 0, 120)}`);
}

export const checks = [
  check("dataframe_split", async (send, subject) => {
    const { rows, columns } = matrixOf(subject);
    mustPredict(await send({ dataframe_split: { columns, data: rows } }));
  }),
  check("dataframe_records", async (send, subject) => {
    const { rows, columns } = matrixOf(subject);
    const records = rows.map((row) => Object.fromEntries(row.map((value, index) => [columns[index], value])));
    mustPredict(await send({ dataframe_records: records }));
  }),
  check("instances", async (send, subject) => mustPredict(await send({ instances: matrixOf(subject).rows }))),
  check("inputs", async (send, subject) => mustPredict(await send({ inputs: matrixOf(subject).rows }))),
  check("CSV", async (send, subject) => {
    const { rows, columns } = matrixOf(subject);
    mustPredict(await send([columns, ...rows].map((row) => row.join(",")).join("\n"), "text/csv"));
  }),
  check("params beside the input", async (send, subject) =>
    mustPredict(await send({ inputs: matrixOf(subject).rows, params: { a: 1 } })),
  ),
  check("two inputs are refused", async (send, subject) => {
    const { rows } = matrixOf(subject);
    mustBeRefused(await send({ inputs: rows, instances: rows }));
  }),
  check("no input is refused", async (send) => mustBeRefused(await send({ something: 1 }))),
  check("a body that isn't JSON is refused", async (send) => mustBeRefused(await send("{"))),
  check("an unknown content type is refused", async (send) => mustBeRefused(await send("x", "text/html"))),
];
