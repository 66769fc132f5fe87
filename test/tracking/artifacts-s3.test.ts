import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startS3, type S3Server } from "../support/s3.ts";
import { runMlflowScript } from "./mlflow-script.ts";
import { startPlatform, type TestPlatform } from "./platform.ts";

const MPU = "/api/2.0/mlflow-artifacts/mpu";

describe("artifacts in an S3-compatible store", () => {
  let s3: S3Server;
  let platform: TestPlatform;
  let calls: string[];
  beforeAll(async () => {
    s3 = await startS3();
    platform = await startPlatform({ blobs: s3.open("artifacts"), maxArtifactBytes: 32 * 1024 * 1024 });
    calls = [];
    platform.app.server.on("request", ({ method, url = "" }, response) => {
      response.on("finish", () => calls.push(`${method} ${url.split("?")[0]} ${response.statusCode}`));
    });
  });
  afterAll(async () => {
    await platform?.close();
    await s3?.close();
  });
  const post = (url: string, payload: object, tenant = "default") =>
    platform.app.inject({ method: "POST", url, payload, headers: { "x-mlflow-workspace": tenant } });

  it("move between the unchanged mlflow client and the store itself", async () => {
    const seen = await runMlflowScript(platform, "mlflow_artifacts", {
      MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE: String(6 * 1024 * 1024),
      MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE: String(5 * 1024 * 1024),
      MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE: String(4 * 1024 * 1024),
    });
    const size = 11 * 1024 * 1024 + 3;
    expect(seen).toMatchObject({
      listed: [["deep/large.bin", size]],
      same: true,
      text: "<b>small</b>",
      missing: expect.any(String),
      deleted: ["page.html"],
      aborted: [],
      direct: ["past the server", 15, "past the server"],
    });
    const artifacts = calls.filter((call) => call.includes("mlflow-artifacts"));
    const below = `0/${String(seen["run"])}/artifacts`;
    expect(artifacts).toContain(`POST ${MPU}/create/${below}/deep 200`);
    expect(artifacts).toContain(`POST ${MPU}/complete/${below}/deep 200`);
    expect(artifacts).toContain(`GET /api/2.0/mlflow-artifacts/presigned/${below}/deep/large.bin 200`);
    // Neither the large file's bytes went through the platform, nor any download's.
    expect(artifacts.filter((call) => /^PUT .*large/.test(call))).toEqual([]);
    expect(artifacts.filter((call) => /^GET .*\/artifacts\/0/.test(call))).toEqual([]);
    expect(platform.defects).toEqual([]);
  });

  it("are streamed through the platform as well", async () => {
    const payload = randomBytes(9 * 1024 * 1024);
    const url = "/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/x.bin";
    const headers = { "content-type": "application/octet-stream" };
    expect((await platform.app.inject({ method: "PUT", url, payload, headers })).statusCode).toBe(200);
    const part = await platform.app.inject({ method: "GET", url, headers: { range: "bytes=-4" } });
    expect([part.statusCode, part.rawPayload.toString("hex")]).toEqual([
      206,
      payload.subarray(-4).toString("hex"),
    ]);
    const { etag = "" } = part.headers;
    const again = await platform.app.inject({
      method: "GET",
      url,
      headers: { "if-none-match": String(etag) },
    });
    expect(again.statusCode).toBe(304);
    const past = await platform.app.inject({ method: "GET", url, headers: { range: "bytes=99999999-" } });
    expect([past.statusCode, past.headers["content-range"]]).toEqual([416, `bytes */${payload.length}`]);
  });

  it("of one tenant can't be reached by addresses that another one asks for", async () => {
    const url = "/api/2.0/mlflow-artifacts/artifacts/5/secret";
    const headers = { "x-mlflow-workspace": "red", "content-type": "text/plain" };
    await platform.app.inject({ method: "PUT", url, payload: "red", headers });
    const presigned = (path: string, tenant: string) =>
      platform.app.inject({
        method: "GET",
        url: `/api/2.0/mlflow-artifacts/presigned/${path}`,
        headers: { "x-mlflow-workspace": tenant },
      });
    const own = await presigned("5/secret", "red");
    expect(await (await fetch(own.json().url)).text()).toBe("red");
    expect((await presigned("5/secret", "blue")).statusCode).toBe(404);
    expect((await presigned("workspaces/red/5/secret", "blue")).statusCode).toBe(400);
    const upload = await post(`${MPU}/create/5`, { path: "x", num_parts: 1 }, "red");
    const { upload_id } = upload.json();
    const body = { path: "x", upload_id, parts: [{ part_number: 1, etag: '"e"' }] };
    for (const step of ["complete", "abort"]) {
      expect((await post(`${MPU}/${step}/workspaces/red/5`, body, "blue")).statusCode).toBe(400);
      expect((await post(`${MPU}/${step}/5`, body, "blue")).statusCode).toBe(step === "abort" ? 200 : 404);
    }
    // It is still there for its owner.
    expect((await post(`${MPU}/complete/5`, body, "red")).json().error_code).toBe("INVALID_PARAMETER_VALUE");
    expect((await post(`${MPU}/abort/5`, body, "red")).statusCode).toBe(200);
  });

  it.each([
    ["../..", "x"],
    ["1/%2e%2e", "x"],
    ["1", "a/.."],
    ["1", ""],
    ["1", "x#y"],
    ["1", "x\u0000"],
  ])("are not uploaded in parts to %s and %j", async (folder, path) => {
    const answer = await post(`${MPU}/create/${encodeURIComponent(folder)}`, { path, num_parts: 1 });
    expect(answer.statusCode, answer.body).toBe(400);
  });

  it("get addresses by run and by logged model", async () => {
    type Run = { run: { info: { run_id: string } } };
    const { run } = await platform.call<Run>("POST", "runs/create", {});
    const fields = { run_id: run.info.run_id, path: "m/model.onnx" };
    type Address = { presigned_url: string; headers: Record<string, string>; file_size: number };
    const up = await platform.call<Address>("POST", "artifacts/presigned-upload-url", fields);
    const sent = await fetch(up.presigned_url, { method: "PUT", body: "onnx", headers: up.headers });
    expect(sent.status).toBe(200);
    const down = await platform.call<Address>("POST", "artifacts/presigned-download-url", fields);
    expect([await (await fetch(down.presigned_url)).text(), down.file_size]).toEqual(["onnx", 4]);
    for (const wrong of [{}, { model_id: "m-1", run_id: "r" }, { ...fields, expiration: 604_801 }])
      await platform.call("POST", "artifacts/presigned-upload-url", { path: "x", ...wrong }, 400);
    await platform.call("POST", "artifacts/presigned-upload-url", { ...fields, path: "../x" }, 400);
    expect(await platform.call("GET", "/api/3.0/mlflow/server-info")).toMatchObject({
      multipart_uploads_enabled: true,
      multipart_downloads_enabled: true,
    });
  });
});
