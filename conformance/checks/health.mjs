import { must, mustRefuse } from "../outcome.mjs";

export const area = "health";
const UNKNOWN = "no-such-model-here";

export const checks = [
  {
    name: "the server is live",
    clause: "OIP Server Live",
    run: async ({ client }) => must(await client.live(), "it says that it isn't live"),
  },
  {
    name: "the server is ready",
    clause: "OIP Server Ready",
    run: async ({ client }) => must(await client.ready(), "it says that it isn't ready"),
  },
  {
    name: "the model is ready",
    clause: "OIP Model Ready",
    run: async ({ client, subject }) =>
      must(await client.modelReady(subject.name), "it says that it isn't ready"),
  },
  {
    name: "a version of the model is ready",
    clause: "OIP Model Ready, versions",
    needs: "versions",
    run: async ({ client, subject, version }) =>
      must(await client.modelReady(subject.name, version), `version ${version} isn't ready`),
  },
  {
    name: "an unknown model isn't ready",
    clause: "OIP Model Ready",
    run: async ({ client }) => {
      const isReady = await client.modelReady(UNKNOWN).catch(() => false);
      must(!isReady, "a model that nobody serves is called ready");
    },
  },
  {
    name: "readiness of a model names it",
    clause: "OIP REST Model Ready Response JSON Object",
    transport: "rest",
    run: async ({ client, subject }) => {
      const { json } = await client.send("GET", `/v2/models/${encodeURIComponent(subject.name)}/ready`);
      must(json?.name === subject.name && json?.ready === true, `the body is ${JSON.stringify(json)}`);
    },
  },
  {
    name: "liveness has its JSON",
    clause: "OIP REST Server Live Response JSON Object",
    transport: "rest",
    run: async ({ client }) => {
      const { json } = await client.send("GET", "/v2/health/live");
      must(json?.live === true, `the body is ${JSON.stringify(json)}`);
    },
  },
  {
    name: "metadata of an unknown model is an error in the protocol's shape",
    clause: "OIP Model Metadata Response JSON Error Object",
    run: ({ client }) => mustRefuse(() => client.modelMetadata(UNKNOWN)),
  },
];
