import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "./platform.ts";

const BASE = "/api/2.0/mlflow-artifacts/artifacts";
let platform: TestPlatform;
beforeAll(async () => void (platform = await startPlatform({ maxArtifactBytes: 1000 })));
afterAll(() => platform.close());

const send = (method: "GET" | "PUT" | "DELETE", path: string, payload?: string, type = "application/json") =>
  platform.app.inject({
    method,
    url: `${BASE}${path}`,
    ...(payload === undefined ? {} : { payload, headers: { "content-type": type } }),
  });

describe("proxied artifacts", () => {
  it("keep bytes of every content type as they came", async () => {
    for (const type of ["application/json", "text/html", "application/x-www-form-urlencoded", "image/png"]) {
      expect((await send("PUT", "/1/r/artifacts/file", "{not json", type)).json()).toEqual({});
      const got = await send("GET", "/1/r/artifacts/file");
      expect(got.body).toBe("{not json");
      expect(got.headers).toMatchObject({
        "content-type": "application/octet-stream",
        "x-content-type-options": "nosniff",
        "content-disposition": "attachment; filename=file",
      });
    }
  });

  it("are listed with names relative to the folder", async () => {
    await send("PUT", "/2/a/one.txt", "1");
    await send("PUT", "/2/a/deep/two.txt", "22");
    const list = (path: string) => platform.call("GET", BASE, { path });
    expect(await list("2/a")).toEqual({
      files: [
        { path: "deep", is_dir: true },
        { path: "one.txt", is_dir: false, file_size: 1 },
      ],
    });
    expect(await list("2/a/one.txt")).toEqual({ files: [] });
    expect(await list("2/none")).toEqual({ files: [] });
  });

  it("are deleted", async () => {
    await send("PUT", "/3/x", "1");
    await send("DELETE", "/3/x");
    expect((await send("GET", "/3/x")).statusCode).toBe(404);
    expect((await send("GET", "/3/x")).json()).toMatchObject({ error_code: "RESOURCE_DOES_NOT_EXIST" });
  });

  it("are refused over the size limit, announced or not, and leave nothing", async () => {
    expect((await send("PUT", "/4/big", "x".repeat(1001))).statusCode).toBe(400);
    const url = await platform.app.listen({ host: "127.0.0.1", port: 0 });
    const status = await new Promise((resolve, reject) => {
      const upload = request(`${url}${BASE}/4/chunked`, { method: "PUT" }, (answer) => {
        resolve(answer.statusCode);
        answer.resume();
      });
      upload.on("error", reject);
      upload.write("x".repeat(600));
      upload.end("x".repeat(600));
    });
    expect(status).toBe(400);
    expect(await platform.call("GET", BASE, { path: "4" })).toEqual({ files: [] });
  });

  it.each([
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "/%252e%252e%252fetc%252fpasswd",
    "//etc/passwd",
    "/%2fetc/passwd",
    "/a%5c..%5cb",
    "/C%3a/x",
    "/a/%00",
    "/.%2e/x",
    "/.uploads/x",
    "/",
  ])("have nothing at %s", async (path) => {
    for (const method of ["GET", "PUT", "DELETE"] as const) {
      const answer = await send(method, path, method === "PUT" ? "x" : undefined);
      expect([400, 404], `${method}: ${answer.body}`).toContain(answer.statusCode);
    }
  });

  it.each(["..", "../", "/etc", "C:/", "a/../../b", "%2e%2e", "a\\b"])("list nothing at %s", async (path) => {
    expect(await platform.call("GET", BASE, { path }, 400)).toMatchObject({
      error_code: "INVALID_PARAMETER_VALUE",
    });
  });

  it("of a run are listed by its id, below its folder only", async () => {
    const { run } = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {});
    const { run_id } = run.info;
    await send("PUT", `/0/${run_id}/artifacts/model/model.onnx`, "onnx");
    const list = (path: string, status = 200) =>
      platform.call("GET", "artifacts/list", { run_id, path }, status);
    expect(await list("")).toMatchObject({ files: [{ path: "model", is_dir: true }] });
    expect(await list("model")).toMatchObject({ files: [{ path: "model/model.onnx", file_size: 4 }] });
    await list("../..", 400);
    await list("/etc", 400);
  });
});

describe("logged models", () => {
  it("are pending, then ready, tagged, searched and deleted", async () => {
    type Model = { model: { info: { model_id: string; status: string; artifact_uri: string } } };
    const { model } = await platform.call<Model>("POST", "logged-models", {
      experiment_id: "0",
      name: "net",
      params: [{ key: "depth", value: "3" }],
    });
    const { model_id } = model.info;
    expect(model.info).toMatchObject({
      status: "LOGGED_MODEL_PENDING",
      artifact_uri: `mlflow-artifacts:/0/models/${model_id}/artifacts`,
    });
    await platform.call("PATCH", `logged-models/${model_id}`, { model_id, status: "LOGGED_MODEL_READY" });
    await platform.call("PATCH", `logged-models/${model_id}/tags`, { tags: [{ key: "t", value: "1" }] });
    const search = (filter: string) =>
      platform.call<{ models: Model["model"][] }>("POST", "logged-models/search", {
        experiment_ids: ["0"],
        filter,
      });
    expect((await search("name = 'net' AND params.depth = '3' AND tags.t = '1'")).models).toMatchObject([
      { info: { model_id, status: "LOGGED_MODEL_READY" }, data: { params: [{ key: "depth", value: "3" }] } },
    ]);
    expect((await search("name = 'other'")).models).toEqual([]);
    await platform.call("DELETE", `logged-models/${model_id}/tags/t`);
    await platform.call("PATCH", `logged-models/${model_id}/tags`, { tags: [{ key: "a/b", value: "1" }] });
    await platform.call("DELETE", `logged-models/${model_id}/tags/a%2Fb`);
    expect((await search("tags.`a/b` = '1'")).models).toEqual([]);
    await platform.call("DELETE", `logged-models/${model_id}`);
    await platform.call("GET", `logged-models/${model_id}`, {}, 404);
    await platform.call("POST", "logged-models", { experiment_id: "0", name: "../x" }, 400);
  });
});
