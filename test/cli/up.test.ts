import { expect, test } from "vitest";
import type { UpOptions } from "../../src/cli/up-options.ts";
import { run } from "./run.ts";

async function options(...argv: string[]): Promise<UpOptions | string> {
  let got: UpOptions | undefined;
  const { err } = await run(["up", ...argv], {
    cwd: "/work-here",
    up: async (given) => {
      got = given;
      return 0;
    },
  });
  return got ?? err;
}

test("up has the documented defaults", async () => {
  expect(await options()).toEqual({
    dataDir: "/work-here/.slipway",
    host: "127.0.0.1",
    port: 4600,
    allowedHosts: [],
    artifactRoot: "mlflow-artifacts:/",
    maxFileBytes: 50 * 2 ** 20,
    json: false,
  });
});

test("up takes paths relative to where it is called, and the exit code of the platform", async () => {
  expect(
    await options(
      ..."--data d --port 0 --host 0.0.0.0 --allow-host a --allow-host b".split(" "),
      ..."--store s.db --artifacts file:///blobs --max-file 2Gi --json".split(" "),
    ),
  ).toEqual({
    dataDir: "/work-here/d",
    host: "0.0.0.0",
    port: 0,
    allowedHosts: ["a", "b"],
    storeFile: "/work-here/s.db",
    artifactsDir: "/blobs",
    artifactRoot: "mlflow-artifacts:/",
    maxFileBytes: 2 * 2 ** 30,
    json: true,
  });
  expect((await run(["up"], { up: async () => 7 })).code).toBe(7);
});

test("a file limit that isn't a size is refused", async () => {
  const said = await options("--max-file", "large");
  expect(said).toContain("--max-file");
  expect(said).toContain("(USAGE)");
});

test.each([
  ["--store", "postgres://u:secret@h/db"],
  ["--artifacts", "s3://bucket/x"],
  ["--artifact-root", "s3://bucket/x"],
  ["--grpc-port", "4601"],
])("%s %s isn't built and is refused, without showing a password", async (option, value) => {
  const said = await options(option, value);
  expect(said).toContain(`${option} can't do this yet`);
  expect(said).toContain("(NOT_BUILT_YET)");
  expect(said).not.toContain("secret");
});
