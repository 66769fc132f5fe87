import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newFolder, removeFolder, startPlatform, type TestPlatform } from "../e2e/platform.ts";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensureEnginePython } from "../../tools/python.mjs";

/** Repeats a failure: the same requests come again. */
const SEED = process.env["SLIPWAY_FUZZ_SEED"] ?? "1";
/** For each call, beside those that cover its schema. */
const EXAMPLES = process.env["SLIPWAY_FUZZ_EXAMPLES"] ?? "5";
/** A call that takes longer hangs. */
const PATIENCE_SECONDS = "20";

/**
 * MLflow's own answer where the store has no addresses to give away. Every other 5xx is a defect: the client would try
 * again for minutes.
 */
const CONFIG = `
[[operations]]
include-path-regex = "/mlflow-artifacts/(mpu|presigned)/"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "501"]
`;
const CHECKS = ["not_a_server_error", "response_schema_conformance", "content_type_conformance"];

interface OpenApi {
  paths: Record<string, Record<string, { parameters?: { name: string }[] }>>;
}

const data = newFolder("schemathesis");
const work = newFolder("schemathesis-work");
let platform: TestPlatform;
let errors = "";

beforeAll(async () => {
  platform = await startPlatform(data);
  platform.process.stderr?.on(
    "data",
    (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-20_000)),
  );
});
afterAll(async () => {
  await platform?.stop();
  for (const folder of [data, work]) removeFolder(folder);
});

describe("requests that schemathesis makes of our descriptions", () => {
  it("get an answer in its right shape from our own API", async () => {
    const answer = await fetch(`${platform.url}/api/slipway/v1/openapi.json`);
    await attack("own", withoutStreams((await answer.json()) as OpenApi));
  });

  it("get an answer in its right shape from MLflow's API", async () => {
    const text = await readFile(resolve("docs/reference/mlflow-openapi.json"), "utf8");
    await attack("mlflow", JSON.parse(text) as OpenApi);
  });

  it("leave the platform as able as before", async () => {
    const made = await fetch(`${platform.url}/api/2.0/mlflow/experiments/create`, {
      method: "POST",
      body: JSON.stringify({ name: "afterwards" }),
    });
    expect(made.status).toBe(200);
    expect(errors).toBe("");
  });
});

/** Runs schemathesis over one document; fails with what it printed. */
async function attack(name: string, document: OpenApi): Promise<void> {
  const folder = join(work, name);
  await mkdir(folder);
  await writeFile(join(folder, "openapi.json"), JSON.stringify(document));
  await writeFile(join(folder, "schemathesis.toml"), CONFIG);
  const program = join(dirname((ensureEnginePython as (name: string) => string)("schemathesis")), "st");
  const options = {
    "--url": platform.url,
    "--seed": SEED,
    "--max-examples": EXAMPLES,
    "--phases": "examples,coverage,fuzzing",
    "--checks": CHECKS.join(","),
    "--request-timeout": PATIENCE_SECONDS,
    "--suppress-health-check": "all",
    "--warnings": "off",
  };
  const args = [
    "run",
    "openapi.json",
    ...Object.entries(options).flat(),
    "--no-shrink",
    "--continue-on-failure",
  ];
  const outcome = await promisify(execFile)(program, args, {
    cwd: folder,
    timeout: 1_500_000,
    maxBuffer: 64 * 1024 * 1024,
    // Nothing of this machine's: neither its proxies nor its settings of the tool.
    env: { PATH: "/usr/bin:/bin", HOME: folder },
  }).catch((error: Error & { stdout?: string; stderr?: string }) => error);
  expect(outcome instanceof Error ? `${outcome.message}\n${outcome.stdout}` : "").toBe("");
  expect(outcome.stdout).toMatch(/\d{3,} generated/);
}

/** Without the answers that go on by intent: nobody would ever see their end. */
function withoutStreams(document: OpenApi): OpenApi {
  const paths = Object.entries(document.paths).filter(([path]) => !path.endsWith("/stream"));
  for (const [, calls] of paths)
    for (const call of Object.values(calls))
      if (call.parameters) call.parameters = call.parameters.filter(({ name }) => name !== "follow");
  return { ...document, paths: Object.fromEntries(paths) };
}
