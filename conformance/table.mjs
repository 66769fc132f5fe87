// `npm run conformance:table`: runs the suite against this platform and against MLServer, with the same models, and
// writes docs/reference/conformance.md.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../bench/serving/environments.mjs";
import { ensurePython } from "../tools/python.mjs";
import { startMlserver } from "./peers/mlserver.mjs";
import { startSlipway } from "./peers/slipway.mjs";
import { count } from "./report.mjs";
import { grpcClient } from "./grpc-client.mjs";
import { restClient } from "./rest-client.mjs";
import { runSuite } from "./suite.mjs";

const PAGE = fileURLToPath(new URL("../docs/reference/conformance.md", import.meta.url));
const ONNX_MODELS = fileURLToPath(new URL("peers/onnx_models.py", import.meta.url));
const DATATYPES = "BOOL INT8 INT16 INT32 INT64 UINT8 UINT16 UINT32 UINT64 FP16 FP64 BYTES".split(" ");
const MODELS = ["iris", ...DATATYPES.map((datatype) => `echo-${datatype.toLowerCase()}`)];
/** Of one server over one transport, in the order of the table's columns. */
const CLIENTS = [
  ["REST", (server) => restClient(server.url)],
  ["gRPC", (server) => grpcClient(server.grpcUrl)],
];
const MAX_WHY = 110;
const MARK = { pass: "pass", fail: "**fail**", "not offered": "–" };

const HEAD = `# Conformance

Two servers of the [Open Inference Protocol](https://github.com/kserve/open-inference-protocol) under the same suite,
with a random forest on iris and, for each datatype, a model that answers what it gets. "–": not offered, which the
protocol allows. MLServer serves the forest by its scikit-learn runtime, the others by a runtime of ten lines that uses
its own codecs. Ask your own server: \`npm run conformance -- --url http://…\` or
\`--grpc host:port\`; it needs nothing installed but Node.

A refusal passes when its status is from 400 to 499 and its body is the protocol's \`{"error": "…"}\`; over gRPC, when
its code means the same.

Made by \`npm run conformance:table\`.
`;

function page(columns) {
  const keys = new Map();
  for (const { results } of columns)
    for (const { area, name, clause } of results) keys.set(`${area}\\n${name}`, { area, name, clause });
  const heads = columns.map(({ name }) => name);
  const text = [HEAD, row(["", ...heads]), row(["---", ...heads.map(() => "---")])];
  for (const result of ["pass", "fail", "not offered"])
    text.push(row([result, ...columns.map(({ results }) => String(count(results, result)))]));
  let area = "";
  for (const key of keys.values()) {
    if (key.area !== area)
      text.push(
        `\n## ${key.area}\n`,
        row(["check", "clause", ...heads]),
        row(["---", "---", ...heads.map(() => "---")]),
      );
    area = key.area;
    const cells = columns.map(({ results }) => {
      const found = results.find((one) => one.area === key.area && one.name === key.name);
      return found === undefined ? "" : MARK[found.result];
    });
    text.push(row([key.name, key.clause, ...cells]));
  }
  text.push(`\n## What failed\n`);
  for (const { name, results } of columns)
    for (const one of results.filter(({ result }) => result === "fail"))
      text.push(`- ${name}, ${one.area}, ${escape(one.name)}: ${code(one.why)}`);
  return `${text.join("\n")}\n`;
}

/** Short, and no different in the next run. */
function code(why) {
  return `\`${why.replaceAll("`", "'").replaceAll(/\s+/g, " ").slice(0, MAX_WHY)}\``;
}

const row = (cells) => `| ${cells.map(escape).join(" | ")} |`;

function escape(text) {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("{", "&#123;").replaceAll("\n", " ");
}

async function columnsOf(server) {
  const columns = [];
  for (const [transport, clientOf] of CLIENTS) {
    const client = clientOf(server);
    const results = await runSuite(client, { models: MODELS });
    await client.close();
    console.log(
      `${server.name} ${transport}: ${count(results, "pass")} passed, ${count(results, "fail")} failed`,
    );
    columns.push({ name: `${server.name}, ${transport}`, results });
  }
  return columns;
}

const folder = mkdtempSync(join(tmpdir(), "slipway-conformance-"));
const servers = [];
try {
  run(ensurePython(), [ONNX_MODELS, join(folder, "onnx")]);
  servers.push(await startSlipway(join(folder, "onnx")));
  mkdirSync(join(folder, "mlserver"));
  servers.push(await startMlserver(join(folder, "mlserver")));
  const columns = [];
  for (const server of servers) columns.push(...(await columnsOf(server)));
  writeFileSync(PAGE, page(columns));
  console.log(`wrote ${PAGE}`);
} finally {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
