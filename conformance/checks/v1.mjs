import { NotOffered, isMissing, must, mustRefuse } from "../outcome.mjs";
import { nest } from "../tensors.mjs";

export const area = "V1";
const CLAUSE = "KServe V1 protocol";
const at = (name, verb = "") => `/v1/models/${encodeURIComponent(name)}${verb}`;

async function mustOffer(client, { name }) {
  const { status } = await client.send("GET", at(name));
  if (isMissing(status)) throw new NotOffered(`${at(name)} answers ${status}`);
}

function check(name, run) {
  return {
    name,
    clause: CLAUSE,
    transport: "rest",
    async run(context) {
      await mustOffer(context.client, context.subject);
      await run(context);
    },
  };
}

/** The first input's rows; V1 has no names for a model of one input. */
function instancesOf({ metadata, first }) {
  if (metadata.inputs?.length !== 1) throw new NotOffered("the model has several inputs");
  return nest(first.data, first.shape);
}

export const checks = [
  check("the model is ready", async ({ client, subject }) => {
    const { status, json } = await client.send("GET", at(subject.name));
    must(status === 200 && json?.name === subject.name, `it answers ${status} ${JSON.stringify(json)}`);
  }),
  check("instances are predicted", async ({ client, subject }) => {
    const instances = instancesOf(subject);
    const { predictions } = await client.call("POST", at(subject.name, ":predict"), { body: { instances } });
    must(
      Array.isArray(predictions) && predictions.length === instances.length,
      `predictions: ${JSON.stringify(predictions)?.slice(0, 80)}`,
    );
  }),
  check("no instances are refused", ({ client, subject }) =>
    mustRefuse(() => client.call("POST", at(subject.name, ":predict"), { body: {} })),
  ),
  check("ragged instances are refused", ({ client, subject }) => {
    const [row] = instancesOf(subject);
    return mustRefuse(() =>
      client.call("POST", at(subject.name, ":predict"), { body: { instances: [row, [row, [row]]] } }),
    );
  }),
  check("an unknown model is refused", ({ client }) =>
    mustRefuse(() => client.call("POST", at("no-such-model-here", ":predict"), { body: { instances: [1] } })),
  ),
];
