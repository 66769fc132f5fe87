import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "./platform.ts";

const BASE = "/api/2.0/mlflow-artifacts/artifacts";
let platform: TestPlatform;
beforeAll(async () => void (platform = await startPlatform()));
afterAll(() => platform.close());

const put = async (
  path: string,
  payload: string | Buffer,
  type = "application/octet-stream",
): Promise<void> => {
  const url = `${BASE}/${path.split("/").map(encodeURIComponent).join("/")}`;
  const answer = await platform.app.inject({
    method: "PUT",
    url,
    payload,
    headers: { "content-type": type },
  });
  expect(answer.statusCode, answer.body).toBe(200);
};
const get = (url: string, headers: Record<string, string> = {}, method: "GET" | "HEAD" = "GET") =>
  platform.app.inject({ method, url, headers });

describe("a download", () => {
  beforeAll(() => put("dl/x.bin", "0123456789"));

  it.each([
    ["bytes=0-3", "0123", "bytes 0-3/10"],
    ["bytes=7-", "789", "bytes 7-9/10"],
    ["bytes=-2", "89", "bytes 8-9/10"],
    ["bytes=8-99", "89", "bytes 8-9/10"],
  ])("answers the range %s with 206", async (range, body, contentRange) => {
    const answer = await get(`${BASE}/dl/x.bin`, { range });
    expect([answer.statusCode, answer.body]).toEqual([206, body]);
    expect(answer.headers).toMatchObject({
      "content-range": contentRange,
      "content-length": String(body.length),
      "accept-ranges": "bytes",
    });
  });

  it.each(["bytes=10-", "bytes=99-100", "bytes=-0"])("answers the range %s with 416", async (range) => {
    const answer = await get(`${BASE}/dl/x.bin`, { range });
    expect([answer.statusCode, answer.headers["content-range"]]).toEqual([416, "bytes */10"]);
    expect(answer.json()).toMatchObject({ error_code: "INVALID_PARAMETER_VALUE" });
  });

  it.each(["bytes=3-1", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=-", `bytes=0-${"9".repeat(40)}`])(
    "answers the range %s, which means nothing here, with the whole",
    async (range) => {
      const answer = await get(`${BASE}/dl/x.bin`, { range });
      expect([answer.statusCode, answer.body]).toEqual([200, "0123456789"]);
    },
  );

  it("is not sent again to who has it", async () => {
    const first = await get(`${BASE}/dl/x.bin`);
    const { etag = "", "last-modified": modified = "" } = first.headers as Record<string, string>;
    expect(first.headers).toMatchObject({ "content-length": "10", "cache-control": "private, no-cache" });
    for (const headers of [
      { "if-none-match": etag },
      { "if-none-match": `"other", W/${etag}` },
      { "if-modified-since": modified },
    ])
      expect(await get(`${BASE}/dl/x.bin`, headers)).toMatchObject({ statusCode: 304, body: "" });
    expect((await get(`${BASE}/dl/x.bin`, { "if-none-match": '"other"' })).statusCode).toBe(200);
    const range = "bytes=0-1";
    expect((await get(`${BASE}/dl/x.bin`, { range, "if-range": etag })).statusCode).toBe(206);
    expect((await get(`${BASE}/dl/x.bin`, { range, "if-range": '"older"' })).body).toBe("0123456789");
  });

  it("may be asked about without its bytes", async () => {
    const answer = await get(`${BASE}/dl/x.bin`, {}, "HEAD");
    expect(answer).toMatchObject({ statusCode: 200, body: "" });
    expect(answer.headers["content-length"]).toBe("10");
  });

  it.each([
    ["a.txt", "text/plain"],
    ["MLmodel", "text/plain"],
    ["b.pkl", "application/octet-stream"],
    ["c.png", "image/png"],
    ["d.pdf", "application/pdf"],
    ["page.html", "text/plain"],
    ["page.svg", "text/plain"],
    ["page.xhtml", "text/plain"],
    ["noextension", "application/octet-stream"],
    ["__proto__", "application/octet-stream"],
    ["x.constructor", "application/octet-stream"],
  ])("of %s is %s, whatever it was uploaded as, and never a page", async (name, type) => {
    await put(`types/${name}`, "<script>alert(1)</script>", "text/html");
    expect((await get(`${BASE}/types/${name}`)).headers).toMatchObject({
      "content-type": type,
      "x-content-type-options": "nosniff",
      "content-security-policy": "sandbox; default-src 'none'",
      "content-disposition": `attachment; filename=${name}`,
    });
  });

  it.each([
    ["dog+step+20.png", "attachment; filename=dog+step+20.png"],
    ["with space.txt", "attachment; filename=\"with space.txt\"; filename*=UTF-8''with%20space.txt"],
    ['a";x=".html', "attachment; filename=\"a__x=_.html\"; filename*=UTF-8''a%22%3Bx%3D%22.html"],
    ["ü'(1).csv", "attachment; filename=\"__(1).csv\"; filename*=UTF-8''%C3%BC%27%281%29.csv"],
  ])("of %s can't break out of its header", async (name, disposition) => {
    await put(`names/${name}`, "x");
    const { headers } = await get(`${BASE}/names/${encodeURIComponent(name)}`);
    expect(headers["content-disposition"]).toBe(disposition.replace("x=_", "x__"));
  });

  it("follows no symbolic link out of the store", async () => {
    const root = join(platform.folder, "artifacts", "links");
    await mkdir(root, { recursive: true });
    await writeFile(join(platform.folder, "secret"), "secret");
    await symlink(join(platform.folder, "secret"), join(root, "file"));
    await symlink(platform.folder, join(root, "way"));
    for (const path of ["links/file", "links/way/secret"]) {
      const answer = await get(`${BASE}/${path}`);
      expect([answer.statusCode, answer.body.includes('secret"')]).toEqual([400, false]);
    }
  });
});

describe("what pages ask for", () => {
  type Run = { run: { info: { run_id: string; experiment_id: string } } };
  let runId: string;
  beforeAll(async () => {
    ({ run_id: runId } = (await platform.call<Run>("POST", "runs/create", {})).run.info);
    await put(`0/${runId}/artifacts/model/a.txt`, "abcdefg");
  });

  it("is a run's file", async () => {
    const answer = await get(`/get-artifact?run_id=${runId}&path=model/a.txt`);
    expect([answer.statusCode, answer.body]).toEqual([200, "abcdefg"]);
    expect(answer.headers["content-disposition"]).toBe("attachment; filename=a.txt");
    expect((await get(`/get-artifact?run_uuid=${runId}&path=model/a.txt`)).body).toBe("abcdefg");
    expect((await get(`/get-artifact?run_id=${runId}&path=model`)).statusCode).toBe(404);
    expect((await get(`/get-artifact?run_id=${runId}`)).statusCode).toBe(400);
    expect((await get(`/get-artifact?run_id=none&path=x`)).statusCode).toBe(404);
  });

  it("is a file of a model version", async () => {
    await platform.call("POST", "registered-models/create", { name: "m" });
    const source = `mlflow-artifacts:/0/${runId}/artifacts/model`;
    await platform.call("POST", "model-versions/create", { name: "m", source, run_id: runId });
    const url = "/model-versions/get-artifact?name=m&version=1&path=";
    expect((await get(`${url}a.txt`)).body).toBe("abcdefg");
    expect((await get(`${url}../../x`)).statusCode).toBe(400);
    expect((await get("/model-versions/get-artifact?name=m&version=9&path=a.txt")).statusCode).toBe(404);
    expect((await get("/model-versions/get-artifact?name=m&version=x&path=a.txt")).statusCode).toBe(400);
  });

  it("is a file of a logged model", async () => {
    type Model = { model: { info: { model_id: string } } };
    const { model } = await platform.call<Model>("POST", "logged-models", { experiment_id: "0", name: "m" });
    const id = model.info.model_id;
    await put(`0/models/${id}/artifacts/MLmodel`, "flavors: {}");
    const url = `/ajax-api/2.0/mlflow/logged-models/${id}/artifacts/files`;
    expect((await get(`${url}?artifact_file_path=MLmodel`)).body).toBe("flavors: {}");
    expect((await get(url)).statusCode).toBe(400);
    expect(await platform.call("GET", `logged-models/${id}/artifacts/directories`, {})).toMatchObject({
      files: [{ path: "MLmodel", is_dir: false, file_size: 11 }],
    });
  });

  it("is what a client stored of a trace", async () => {
    const id = `tr-${"a".repeat(32)}`;
    await platform.call("POST", "/api/3.0/mlflow/traces", {
      trace: {
        trace_info: {
          trace_id: id,
          trace_location: { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: "0" } },
          request_time: "2026-01-01T00:00:00Z",
          state: "OK",
        },
      },
    });
    const uuid = "01234567-89ab-cdef-0123-456789abcdef";
    await put(`0/traces/${id}/artifacts/traces.json`, '{"spans":[]}');
    await put(`0/traces/${id}/artifacts/attachments/${uuid}`, "image");
    const url = `/ajax-api/3.0/mlflow/get-trace-artifact?request_id=`;
    expect((await get(`${url}${id}`)).body).toBe('{"spans":[]}');
    expect((await get(`${url}${id}&path=${uuid}`)).body).toBe("image");
    for (const path of ["../traces.json", "traces.json", `${uuid}/..`])
      expect((await get(`${url}${id}&path=${encodeURIComponent(path)}`)).statusCode).toBe(400);
    expect((await get(`${url}tr-none`)).statusCode).toBe(404);
    expect((await get(`${url}${encodeURIComponent("../../0")}`)).statusCode).toBe(404);
    expect((await get(`${url}${id}`, { "x-mlflow-workspace": "red" })).statusCode).toBe(404);
  });

  it("may be uploaded, up to 10 MiB", async () => {
    const url = `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${runId}&path=notes/n.md`;
    const post = (payload: string | Buffer) =>
      platform.app.inject({ method: "POST", url, payload, headers: { "content-type": "text/markdown" } });
    expect((await post("# Hi")).statusCode).toBe(200);
    expect((await get(`/get-artifact?run_id=${runId}&path=notes/n.md`)).body).toBe("# Hi");
    expect((await post(Buffer.alloc(10 * 1024 * 1024 + 1))).statusCode).toBe(400);
  });

  it.each([
    ["", "x", "Request must specify run_uuid."],
    ["run_uuid=none", "x", "Request must specify path."],
    ["run_uuid=none&path=../x", "x", "Invalid path"],
    ["run_uuid=none&path=x", "", "Request must specify data."],
    ["run_uuid=none&path=x", Buffer.alloc(10 * 1024 * 1024 + 1), "Artifact size is too large."],
  ])("are refused when uploaded by %s", async (query, payload, words) => {
    const url = `/ajax-api/2.0/mlflow/upload-artifact?${query}`;
    const answer = await platform.app.inject({ method: "POST", url, payload });
    expect(answer.statusCode).toBe(400);
    expect(answer.json<{ message: string }>().message).toContain(words);
  });

  it.each([
    "../../0",
    "/etc/passwd",
    "C:/",
    "%2e%2e/x",
    "a%252f..%252f..",
    "x#y",
    "//proc/self/environ",
    "a\\b",
  ])("is never outside of the run: %s", async (path) => {
    const asked = encodeURIComponent(path);
    for (const url of [
      `/get-artifact?run_id=${runId}&path=${asked}`,
      `/api/2.0/mlflow/artifacts/list?run_id=${runId}&path=${asked}`,
      `${BASE}?path=${asked}`,
    ])
      expect(await get(url), url).toMatchObject({ statusCode: 400 });
  });
});

describe("a store that clients can't reach themselves", () => {
  const post = (url: string, payload: object) => platform.app.inject({ method: "POST", url, payload });

  it("says so, in words that clients fall back on", async () => {
    const mpu = "/api/2.0/mlflow-artifacts/mpu";
    const answer = await post(`${mpu}/create/1/r/artifacts`, { path: "/home/me/x.bin", num_parts: 3 });
    expect(answer.statusCode).toBe(501);
    expect(answer.json()).toMatchObject({
      error_code: "NOT_IMPLEMENTED",
      message: expect.stringMatching(
        /^Multipart upload is not supported for the current artifact repository/,
      ),
    });
    const download = await get("/api/2.0/mlflow-artifacts/presigned/1/x");
    expect([download.statusCode, download.json().error_code]).toEqual([501, "NOT_IMPLEMENTED"]);
    expect(await platform.call("GET", "/api/3.0/mlflow/server-info")).toMatchObject({
      multipart_uploads_enabled: false,
      multipart_downloads_enabled: false,
    });
  });

  it.each(["{", "[]", "null", '{"path":"x","num_parts":"many"}'])("refuses the body %s", async (payload) => {
    const url = "/api/2.0/mlflow-artifacts/mpu/create/1";
    const headers = { "content-type": "application/json" };
    const answer = await platform.app.inject({ method: "POST", url, payload, headers });
    expect(answer.statusCode).toBe(400);
  });
});

describe("the artifacts of tenants", () => {
  const of = (tenant: string, method: "GET" | "PUT" | "DELETE", path: string, payload?: string) =>
    platform.app.inject({
      method,
      url: path.startsWith("/") ? path : `${BASE}/${path}`,
      headers: { "x-mlflow-workspace": tenant, "content-type": "text/plain" },
      ...(payload === undefined ? {} : { payload }),
    });

  it("lie below workspaces/, and may be named with it or without", async () => {
    expect((await of("red", "PUT", "7/x.txt", "red")).statusCode).toBe(200);
    expect(await platform.blobs.stat("workspaces/red/7/x.txt")).toMatchObject({ size: 3 });
    for (const path of ["7/x.txt", "workspaces/red/7/x.txt"])
      expect((await of("red", "GET", path)).body).toBe("red");
    expect((await of("red", "GET", `${BASE}?path=7`)).json()).toEqual({
      files: [{ path: "x.txt", is_dir: false, file_size: 3 }],
    });
    expect((await of("red", "GET", BASE)).json()).toEqual({ files: [{ path: "7", is_dir: true }] });
  });

  it("are nowhere for others, whether they are there or not", async () => {
    for (const tenant of ["blue", "default"])
      for (const path of ["workspaces/red/7/x.txt", "workspaces/red/7/none", "workspaces/none/7/x"])
        for (const method of ["GET", "PUT", "DELETE"] as const) {
          const answer = await of(tenant, method, path, method === "PUT" ? "x" : undefined);
          expect([answer.statusCode, answer.json().error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
        }
    expect((await of("blue", "GET", "7/x.txt")).statusCode).toBe(404);
    expect((await of("default", "GET", "7/x.txt")).statusCode).toBe(404);
    expect((await of("default", "GET", BASE)).body).not.toContain("workspaces");
  });

  it.each([
    "Workspaces",
    "WORKSPACES/red/7/x.txt",
    "work\u200cspaces/red",
    "wor\u212aspaces/red",
    "worksp\uff41ces",
  ])("aren't found under %s either, which is the same folder where names have no case", async (path) => {
    for (const method of ["GET", "PUT", "DELETE"] as const) {
      const url = `${BASE}/${path.split("/").map(encodeURIComponent).join("/")}`;
      expect((await of("default", method, url, method === "PUT" ? "x" : undefined)).statusCode).toBe(400);
    }
    expect((await of("default", "GET", `${BASE}?path=${encodeURIComponent(path)}`)).statusCode).toBe(400);
    const at = { name: `at ${path}`, artifact_location: `mlflow-artifacts:/${path}` };
    const made = await platform.app.inject({
      method: "POST",
      url: "/api/2.0/mlflow/experiments/create",
      payload: at,
    });
    expect(made.statusCode).toBe(400);
    const list = await platform.app.inject({ url: `${BASE}/.Uploads/x`, method: "GET" });
    expect(list.statusCode).toBe(404);
  });

  it("of another tenant's run answer as if there were no such run", async () => {
    type Run = { run: { info: { run_id: string } } };
    const { run } = await platform.call<Run>("POST", "runs/create", {});
    const id = run.info.run_id;
    await put(`0/${id}/artifacts/x`, "mine");
    for (const url of [`/get-artifact?run_id=${id}&path=x`, `/api/2.0/mlflow/artifacts/list?run_id=${id}`]) {
      const theirs = await of("red", "GET", url);
      const none = await of("red", "GET", url.replaceAll(id, "0".repeat(32)));
      expect(theirs.statusCode).toBe(404);
      expect(theirs.body.replaceAll(id, "ID")).toBe(none.body.replaceAll("0".repeat(32), "ID"));
    }
  });

  it("are never deleted all at once", async () => {
    for (const path of ["workspaces", "workspaces/red", "workspaces/red/"])
      expect((await of("red", "DELETE", path)).statusCode).toBe(400);
    expect((await of("red", "GET", "7/x.txt")).statusCode).toBe(200);
    expect((await of("red", "DELETE", "7")).statusCode).toBe(200);
    expect((await of("red", "GET", "7/x.txt")).statusCode).toBe(404);
  });
});

it("met no defect", () => expect(platform.defects).toEqual([]));
