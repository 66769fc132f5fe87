import { NotOffered, isMissing, must, mustRefuse } from "../outcome.mjs";

export const area = "model repository";
const CLAUSE = "Triton model repository extension";

async function indexOf(client, body = {}) {
  const { status, json } = await client.send("POST", "/v2/repository/index", { body });
  if (isMissing(status)) throw new NotOffered(`/v2/repository/index answers ${status}`);
  must(
    status === 200 && Array.isArray(json),
    `/v2/repository/index answers ${status} and ${JSON.stringify(json)?.slice(0, 80)}`,
  );
  return json;
}

function check(name, run) {
  return {
    name,
    clause: CLAUSE,
    transport: "rest",
    async run(context) {
      await indexOf(context.client);
      await run(context);
    },
  };
}

const at = (name, action) => `/v2/repository/models/${encodeURIComponent(name)}/${action}`;

export const checks = [
  check("the index names the model", async ({ client, subject }) => {
    const index = await indexOf(client);
    must(
      index.some(({ name }) => name === subject.name),
      `it names ${index.map(({ name }) => name).slice(0, 5)}`,
    );
  }),
  check("the index says that the model is ready", async ({ client, subject }) => {
    const entries = (await indexOf(client)).filter(({ name }) => name === subject.name);
    must(
      entries.some(({ state }) => state === "READY"),
      `its states are ${entries.map(({ state }) => state)}`,
    );
  }),
  check("the index of ready models has no others", async ({ client }) => {
    const others = (await indexOf(client, { ready: true })).filter(
      ({ state }) => state !== undefined && state !== "READY",
    );
    must(others.length === 0, `${others[0]?.name} is ${others[0]?.state}`);
  }),
  check("a model that is loaded can be loaded", async ({ client, subject }) => {
    const { status, json } = await client.send("POST", at(subject.name, "load"), { body: {} });
    must(status === 200, `it answers ${status} ${JSON.stringify(json)?.slice(0, 80)}`);
    must(await client.modelReady(subject.name), "it isn't ready afterwards");
  }),
  check("an unknown model can't be loaded", ({ client }) =>
    mustRefuse(() => client.call("POST", at("no-such-model-here", "load"), { body: {} })),
  ),
  check("an unknown model can't be unloaded", ({ client }) =>
    mustRefuse(() => client.call("POST", at("no-such-model-here", "unload"), { body: {} })),
  ),
];
