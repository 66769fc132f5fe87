#!/usr/bin/env node
// `npm run conformance -- --url URL`, or `--grpc HOST:PORT`: does a server speak the Open Inference Protocol? Exit code 0: it does in all that
// it offers; 1: a check failed; 2: it couldn't be asked.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { grpcClient } from "./grpc-client.mjs";
import { printResult, printSummary } from "./report.mjs";
import { restClient } from "./rest-client.mjs";
import { runSuite } from "./suite.mjs";

const USAGE = `Usage: npm run conformance -- --url http://127.0.0.1:8000 | --grpc 127.0.0.1:8001 [--model NAME …] [--request FILE] [--token TOKEN] [--json]

Checks a server of the Open Inference Protocol (Triton, KServe, MLServer, Slipway, …). Nothing is unloaded or changed.

  --url      the server over REST, without /v2
  --grpc     the server over gRPC, host and port, without TLS; give one of both
  --model    may be repeated; the first is called by every check, datatypes are looked for in all. Default: all that
             the server lists, where it does
  --request  an Open Inference request as JSON, for a first model whose metadata doesn't name its inputs
  --token    sent as a bearer token
  --json     one JSON array of results instead of the table`;

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    grpc: { type: "string" },
    model: { type: "string", multiple: true },
    request: { type: "string" },
    token: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** By the list of models that KServe and we have, else by the repository's index. */
async function listModels(client) {
  if (client.transport === "grpc") return client.listModels();
  const list = await client.send("GET", "/v2/models");
  if (list.status === 200 && Array.isArray(list.json?.models)) return list.json.models;
  const index = await client.send("POST", "/v2/repository/index", { body: {} });
  return index.status === 200 && Array.isArray(index.json) ? index.json.map(({ name }) => name) : [];
}

async function main() {
  if (values.help || (values.url === undefined) === (values.grpc === undefined)) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const { token } = values;
  const client =
    values.grpc === undefined ? restClient(values.url, { token }) : grpcClient(values.grpc, { token });
  const models = values.model ?? (await listModels(client));
  if (models.length === 0) throw new Error("the server lists no models: name one by --model");
  const example = values.request === undefined ? undefined : JSON.parse(readFileSync(values.request, "utf8"));
  const results = await runSuite(client, {
    models,
    example,
    onResult: values.json ? undefined : printResult,
  });
  await client.close();
  if (values.json) console.log(JSON.stringify(results, null, 2));
  else printSummary(results);
  return results.some(({ result }) => result === "fail") ? 1 : 0;
}

main().then(
  (code) => (process.exitCode = code),
  (error) => {
    console.error(`${values.url ?? values.grpc} couldn't be asked: ${error.cause?.message ?? error.message}`);
    process.exitCode = 2;
  },
);
