import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fakePlatform } from "./fake-platform.ts";
import { ROOT, slipway } from "./run.ts";

test("the command says its version", async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  expect(await slipway(["--version"])).toEqual({ code: 0, out: `${version}\n`, err: "" });
});

test("a wrong word ends with exit code 2, the nearest word, a code and a hint", async () => {
  expect(await slipway(["stats"])).toEqual({
    code: 2,
    out: "",
    err:
      "slipway: unknown command 'stats'. Did you mean status?\n" +
      "  → `slipway help COMMAND` shows arguments, options and examples. (USAGE)\n",
  });
});

test("without a platform a command ends with exit code 3 and says how to start one", async () => {
  const gone = await fakePlatform({});
  await gone.close();
  const { code, out, err } = await slipway(["status"], { env: { SLIPWAY_URL: gone.url } });
  expect({ code, out }).toEqual({ code: 3, out: "" });
  expect(err).toContain(`no platform answers at ${gone.url}: connection refused`);
  expect(err).toContain("`slipway up`");
  expect(err).not.toMatch(/\n\s+at /);
});

test("with --json an error is one JSON object on stdout", async () => {
  const { code, out, err } = await slipway(["status", "--json", "--url", "http://127.0.0.1:1"]);
  expect({ code, err }).toEqual({ code: 3, err: "" });
  expect(JSON.parse(out)).toMatchObject({
    error: { code: "PLATFORM_UNREACHABLE", hint: expect.any(String) },
  });
});

test("a wrong file is shown with place, caret and what is allowed; exit code 1", async () => {
  const { code, err } = await slipway(["validate", join("test", "cli", "fixtures", "wrong.yaml")]);
  expect(code).toBe(1);
  expect(err)
    .toBe(`test/cli/fixtures/wrong.yaml:5:1: the file has no key "modle"; did you mean "model"? (unknown-key)
  5 | modle: { name: churn }
    | ^
  given:   "modle"
  allowed: apiVersion, kind, name, environment, pipeline, model, serving, rollout

1 problem
`);
});

test("a reader that goes away is no error", async () => {
  const child = spawn(process.execPath, [join(ROOT, "bin", "slipway"), "help"], {
    cwd: ROOT,
    timeout: 25_000,
  });
  child.stdout.destroy();
  let err = "";
  child.stderr.on("data", (chunk) => (err += String(chunk)));
  const [code] = (await once(child, "close")) as [number | null];
  expect({ code, err }).toEqual({ code: 0, err: "" });
});
