import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { artifactSettings } from "../../src/roles/artifact-settings.ts";
import { credentialsOf } from "../../src/store/s3/credentials.ts";
import { temporaryFolder } from "../store/support.ts";

const KEYS = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret" };
const s3 = (destination: string, more: object = {}) => ({
  maxArtifactBytes: 1,
  artifactsS3: { destination, isProxied: false, ...more },
});
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => void (folder = await temporaryFolder()));
afterAll(() => folder.dispose());

describe("the settings of artifacts", () => {
  it("are a folder's without a store, which needs no keys", () => {
    expect(artifactSettings({}, { maxArtifactBytes: 7 })).toEqual({
      settings: { isDirect: true, maxBytes: 7, downloadSeconds: 300 },
      secrets: {},
    });
  });

  it("are AWS's own of the region without an endpoint, with the bucket in the host", () => {
    const env = { ...KEYS, AWS_REGION: "eu-central-1" };
    expect(artifactSettings(env, s3("s3://b-1/a/b/")).settings.s3).toEqual({
      bucket: "b-1",
      prefix: "a/b",
      region: "eu-central-1",
      endpoint: "https://s3.eu-central-1.amazonaws.com",
      pathStyle: false,
    });
    expect(artifactSettings(KEYS, s3("s3://with.dots")).settings.s3).toMatchObject({
      pathStyle: true,
      prefix: "",
      region: "us-east-1",
    });
  });

  it("take the variables of AWS's tools and of MLflow, an option first", () => {
    const env = { ...KEYS, MLFLOW_S3_ENDPOINT_URL: "http://mlflow:9000", AWS_DEFAULT_REGION: "r" };
    expect(artifactSettings(env, s3("s3://bkt")).settings.s3).toMatchObject({
      endpoint: "http://mlflow:9000",
      region: "r",
      pathStyle: true,
    });
    const aws = { ...env, AWS_ENDPOINT_URL: "http://aws:9000" };
    expect(artifactSettings(aws, s3("s3://bkt")).settings.s3?.endpoint).toBe("http://aws:9000");
    const given = s3("s3://bkt", { endpoint: "https://mine:1/" });
    expect(artifactSettings(aws, given).settings.s3?.endpoint).toBe("https://mine:1");
    const ttl = { ...KEYS, MLFLOW_PRESIGNED_DOWNLOAD_URL_TTL_SECONDS: "60" };
    expect(artifactSettings(ttl, s3("s3://bkt")).settings.downloadSeconds).toBe(60);
    for (const wrong of ["0", "604801", "soon"])
      expect(() =>
        artifactSettings({ MLFLOW_PRESIGNED_DOWNLOAD_URL_TTL_SECONDS: wrong }, { maxArtifactBytes: 1 }),
      ).toThrow(expect.objectContaining({ code: "USAGE" }));
  });

  it.each([
    ["s3://", {}],
    ["s3://b/../x", {}],
    ["s3://bucket/x?y", {}],
    ["s3://bucket/ü", {}],
    ["s3://bucket", { endpoint: "ftp://h" }],
    ["s3://bucket", { endpoint: "http://u:secret@h" }],
    ["s3://bucket", { endpoint: "http://h/path" }],
    ["s3://bucket", { region: "a/b" }],
  ])("refuse %s %j, and show no secret", (destination, more) => {
    let said: unknown;
    try {
      artifactSettings(KEYS, s3(destination, more));
    } catch (error) {
      said = error;
    }
    expect(said).toMatchObject({ code: "USAGE" });
    expect(JSON.stringify(said)).not.toContain("secret");
  });

  it("need keys, of the environment or of a profile", async () => {
    expect(() => artifactSettings({ HOME: folder.path }, s3("s3://bucket"))).toThrow(
      expect.objectContaining({ code: "ARTIFACTS_CREDENTIALS_MISSING" }),
    );
    const temporary = { ...KEYS, AWS_SESSION_TOKEN: "t" };
    expect(artifactSettings(temporary, s3("s3://bucket")).secrets.s3).toEqual({
      kind: "given",
      credentials: { accessKeyId: "id", secretAccessKey: "secret", sessionToken: "t" },
    });
    const file = join(folder.path, "credentials");
    await writeFile(
      file,
      "# mine\n[default]\naws_access_key_id = d\n[team]\naws_access_key_id=a\naws_secret_access_key = s = x\n",
    );
    const env = { AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: "team" };
    const { secrets } = artifactSettings(env, s3("s3://bucket"));
    expect(secrets.s3).toEqual({ kind: "file", file, profile: "team" });
    if (secrets.s3 === undefined) return;
    expect(await credentialsOf(secrets.s3, systemClock)()).toEqual({
      accessKeyId: "a",
      secretAccessKey: "s = x",
    });
    const half = credentialsOf({ kind: "file", file, profile: "default" }, systemClock);
    await expect(half()).rejects.toMatchObject({ code: "ARTIFACTS_CREDENTIALS_MISSING" });
  });

  it("see new keys in the file within a minute", async () => {
    const file = join(folder.path, "renewed");
    const write = (id: string) =>
      writeFile(file, `[default]\naws_access_key_id=${id}\naws_secret_access_key=s\n`);
    let now = 0;
    const keys = credentialsOf(
      { kind: "file", file, profile: "default" },
      { ...systemClock, now: () => now },
    );
    await write("one");
    expect(await keys()).toMatchObject({ accessKeyId: "one" });
    await write("two");
    now = 59_999;
    expect(await keys()).toMatchObject({ accessKeyId: "one" });
    now = 60_000;
    expect(await keys()).toMatchObject({ accessKeyId: "two" });
  });
});
