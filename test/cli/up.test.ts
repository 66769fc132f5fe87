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
    workingDir: "/work-here",
    auditDays: 1095,
    maxFileBytes: 50 * 2 ** 20,
    maxArtifactBytes: 10 * 2 ** 30,
    signIn: { isRequired: false },
    json: false,
  });
});

test("up takes paths relative to where it is called, and the exit code of the platform", async () => {
  expect(
    await options(
      ..."--data d --port 0 --host 0.0.0.0 --allow-host a --allow-host b".split(" "),
      ..."--store s.db --artifacts file:///blobs --max-file 2Gi --max-artifact 5T --json".split(" "),
    ),
  ).toEqual({
    dataDir: "/work-here/d",
    host: "0.0.0.0",
    port: 0,
    allowedHosts: ["a", "b"],
    storeFile: "/work-here/s.db",
    artifactsDir: "/blobs",
    artifactRoot: "mlflow-artifacts:/",
    workingDir: "/work-here",
    auditDays: 1095,
    maxFileBytes: 2 * 2 ** 30,
    maxArtifactBytes: 5e12,
    signIn: { isRequired: false },
    json: true,
  });
  expect((await run(["up"], { up: async () => 7 })).code).toBe(7);
});

test("artifacts may lie in an S3-compatible store", async () => {
  expect(await options("--artifacts", "s3://b/p")).toMatchObject({
    artifactsS3: { destination: "s3://b/p", isProxied: false },
  });
  const all =
    "--artifacts-endpoint http://h:1 --artifacts-region r --artifacts-style host --artifacts-proxied";
  expect(await options("--artifacts", "s3://b/p", ...all.split(" "))).toMatchObject({
    artifactsS3: { endpoint: "http://h:1", region: "r", pathStyle: false, isProxied: true },
  });
});

test.each([
  ["--artifacts-endpoint", "http://h:1"],
  ["--artifacts", "folder", "--artifacts-region", "r"],
  ["--artifacts", "s3://b", "--artifacts-style", "other"],
])("%s %s %s %s is refused", async (...argv) => {
  expect(await options(...argv)).toContain("(USAGE)");
});

test("the artifact API's own address is where artifacts go by default", async () => {
  const root = async (given: string) => (await options("--artifact-root", given)) as UpOptions;
  const api = "http://127.0.0.1:4600/api/2.0/mlflow-artifacts/artifacts";
  expect((await root(api)).artifactRoot).toBe("mlflow-artifacts:/");
  expect((await root(`${api}/team`)).artifactRoot).toBe("mlflow-artifacts:/team");
});

test.each([
  ["file:///mnt/runs", "file:///mnt/runs"],
  ["/mnt/runs", "/mnt/runs"],
  ["./runs", "/work-here/runs"],
  ["file:runs", "file:///work-here/runs"],
  ["s3://bucket/x", "s3://bucket/x"],
])("clients may be told to put artifacts at %s by themselves", async (given, kept) => {
  expect(await options("--artifact-root", given)).toMatchObject({ artifactRoot: kept });
});

test.each(["file://host/x", "../x", "/a/%2e%2e/b", "/a#b", "file:///a?b", "C:/x", "ftp://u:secret@h/x"])(
  "the artifact root %s is refused",
  async (given) => {
    const said = await options("--artifact-root", given);
    expect(said).toContain("(USAGE)");
    expect(said).not.toContain("secret");
  },
);

test("up takes an address of PostgreSQL, its schema and the file of its password", async () => {
  const store = async (...argv: string[]) => {
    const { postgres, storePasswordFile, storeFile } = (await options("--store", ...argv)) as UpOptions;
    return { postgres, storePasswordFile, storeFile };
  };
  expect(await store("postgres://me@db.example.org/ml", "--store-password-file", "pw")).toEqual({
    postgres: {
      host: "db.example.org",
      port: 5432,
      user: "me",
      database: "ml",
      schema: "slipway",
      sslmode: "require",
    },
    storePasswordFile: "/work-here/pw",
  });
  const all =
    "postgresql://me%40x:p%2Fw@[::1]:6543/my%20db?schema=team_a&sslmode=verify-full&sslrootcert=/ca.pem";
  expect((await store(all)).postgres).toEqual({
    host: "::1",
    port: 6543,
    user: "me@x",
    password: "p/w",
    database: "my db",
    schema: "team_a",
    sslmode: "verify-full",
    sslrootcert: "/ca.pem",
  });
  expect((await store("postgres://me@localhost/ml?host=/run/postgresql")).postgres?.host).toBe(
    "/run/postgresql",
  );
});

test.each([
  ["postgres://me:secret@h"],
  ["postgres://h/db:secret"],
  ["postgres://me:secret@h/db?schema=Big"],
  ["postgres://me:secret@h/db?schema=pg_catalog"],
  ["postgres://me:secret@h/db?sslmode=prefer"],
  ["postgres://me:secret@h/db?passwort=x"],
  ["postgres://me:secret@h:port/db"],
  ["postgres://me:se@cret%@h/db"],
  ["s.db", "--store-password-file", "pw"],
])("--store %s is refused, without its password", async (...argv) => {
  const said = await options("--store", ...argv);
  expect(said).toContain("(USAGE)");
  expect(said).not.toContain("secret");
  expect(said).not.toContain("cret%");
});

test("a file limit that isn't a size is refused", async () => {
  const said = await options("--max-file", "large");
  expect(said).toContain("--max-file");
  expect(said).toContain("(USAGE)");
});

test.each([
  ["--store", "mysql://u:secret@h/db"],
  ["--artifacts", "gs://u:secret@bucket/x"],
])("%s %s isn't built and is refused, without showing a password", async (option, value) => {
  const said = await options(option, value);
  expect(said).toContain(`${option} can't do this yet`);
  expect(said).toContain("(NOT_BUILT_YET)");
  expect(said).not.toContain("secret");
});
