import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { createS3Blobs, type S3BlobStore } from "../../src/store/s3-blobs.ts";
import { readS3Config } from "../../src/store/s3/config.ts";
import { toMlflowAnswer } from "../../src/tracking/wire/errors.ts";
import { SlipwayError } from "../../src/http/errors.ts";
import { startS3, type S3Server } from "../support/s3.ts";

const body = (content: string): Readable => Readable.from([Buffer.from(content)]);
const RETRIED = [408, 429, 500, 502, 503, 504];
const statusForClients = async (call: Promise<unknown>): Promise<[string, number]> => {
  const error = await call.then(
    () => new Error("nothing failed"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SlipwayError)) throw error;
  return [error.code, toMlflowAnswer(error).status];
};

describe("an S3-compatible store", () => {
  let s3: S3Server;
  beforeAll(async () => void (s3 = await startS3()));
  afterAll(() => s3?.close());

  it("that doesn't know the keys refuses at once, in a way that clients don't try again", async () => {
    const wrong = async () => ({ ...s3.credentials, secretAccessKey: "wrong" });
    const blobs = s3.open("p", { credentials: wrong, retryAfterMs: [60_000] });
    const calls = [
      () => blobs.put("x", body("1")),
      () => blobs.get("x"),
      () => blobs.list(""),
      () => blobs.delete("x"),
    ];
    for (const call of calls) {
      const [code, status] = await statusForClients(call());
      expect(code).toBe("ARTIFACTS_REFUSED");
      expect(RETRIED).not.toContain(status);
    }
  });

  it("without the bucket says so", async () => {
    const config = readS3Config("s3://no-such-bucket/p", { endpoint: s3.endpoint });
    const blobs = s3.open("p", { config });
    for (const call of [() => blobs.put("x", body("1")), () => blobs.get("x"), () => blobs.list("")]) {
      const [code, status] = await statusForClients(call());
      expect(code).toBe("ARTIFACTS_BUCKET_MISSING");
      expect(RETRIED).not.toContain(status);
    }
  });

  it("is listed and emptied page by page, below the prefix only", async () => {
    const folder = join(s3.bucketFolder, "paged", "many");
    await mkdir(folder, { recursive: true });
    const names = Array.from({ length: 203 }, (_, index) => `f${String(index).padStart(4, "0")}`);
    for (let at = 0; at < names.length; at += 100)
      await Promise.all(names.slice(at, at + 100).map((name) => writeFile(join(folder, name), "x")));
    await writeFile(join(s3.bucketFolder, "paged-beside"), "x");
    const blobs = s3.open("paged", { pageKeys: 100 });
    expect((await blobs.list("many")).map(({ path }) => path)).toEqual(names.map((name) => `many/${name}`));
    let walked = 0;
    for await (const { size } of blobs.walk("")) walked += size;
    expect(walked).toBe(names.length);
    await blobs.delete("many");
    expect(await blobs.list("")).toEqual([]);
    expect(await text((await s3.open("").get("paged-beside")).body)).toBe("x");
  });

  it("gives out addresses for one file and a time", async () => {
    const blobs = s3.open("direct");
    const { direct } = blobs;
    if (direct === null) return expect.unreachable();
    await blobs.put("a b/ü.html", body("<b>"));
    await blobs.put("other", body("secret"));
    const options = {
      expiresInSeconds: 60,
      contentType: "text/plain",
      disposition: "attachment; filename*=UTF-8''x%20y",
    };
    const { url, size, headers } = await direct.download("a b/ü.html", options);
    expect([size, headers]).toEqual([3, {}]);
    const answer = await fetch(url, { headers: { range: "bytes=1-2" } });
    expect([answer.status, await answer.text()]).toEqual([206, "b>"]);
    expect(answer.headers.get("content-type")).toBe("text/plain");
    expect(answer.headers.get("content-disposition")).toBe(options.disposition);
    const changed = [
      url.replace(/a%20b\/[^?]+/, "other"),
      url.replace("text%2Fplain", "text%2Fhtml"),
      url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
    ];
    for (const other of changed) expect((await fetch(other)).status).toBe(403);
    expect((await fetch(url, { method: "DELETE" })).status).toBe(403);
    const old = s3.open("direct", { clock: { ...systemClock, now: () => Date.now() - 120_000 } });
    const expired = await old.direct?.download("other", options);
    expect((await fetch(expired?.url ?? "")).status).toBe(403);
    await expect(direct.download("none", options)).rejects.toMatchObject({ code: "NOT_FOUND" });
    const upload = await direct.upload("new", { expiresInSeconds: 60, contentType: "text/plain" });
    expect((await fetch(upload.url, { method: "PUT", headers: upload.headers, body: "up" })).status).toBe(
      200,
    );
    expect(await text((await blobs.get("new")).body)).toBe("up");
    expect(s3.open("direct", {}).direct).not.toBeNull();
  });

  it("takes parts, and keeps nothing of what is too large or given up", async () => {
    const blobs = s3.open("parts");
    const { direct } = blobs;
    if (direct === null) return expect.unreachable();
    const begin = async (path: string) => {
      const { uploadId, requests } = await direct.createUpload(path, 2);
      const contents = ["a".repeat(5 * 1024 * 1024), "b"];
      const parts = await Promise.all(
        requests.map(async ({ url, headers }, index) => {
          const answer = await fetch(url, { method: "PUT", headers, body: contents[index] ?? "" });
          return { number: index + 1, etag: answer.headers.get("etag") ?? "" };
        }),
      );
      return { uploadId, parts };
    };
    const maxBytes = 6 * 1024 * 1024;
    const good = await begin("good");
    expect(await blobs.stat("good")).toBeUndefined();
    // The id belongs to one file: with another's path it means nothing.
    await expect(
      direct.completeUpload("else", good.uploadId, good.parts, { maxBytes }),
    ).rejects.toMatchObject({ code: "NOT_FOUND" });
    await direct.completeUpload("good", good.uploadId, good.parts, { maxBytes });
    expect(await blobs.stat("good")).toMatchObject({ size: 5 * 1024 * 1024 + 1 });
    const large = await begin("large");
    await expect(
      direct.completeUpload("large", large.uploadId, large.parts, { maxBytes: 1000 }),
    ).rejects.toMatchObject({ code: "TOO_LARGE" });
    const wrong = await begin("wrong");
    const etags = wrong.parts.map((part) => ({ ...part, etag: '"00000000000000000000000000000000"' }));
    await expect(direct.completeUpload("wrong", wrong.uploadId, etags, { maxBytes })).rejects.toMatchObject({
      code: "INVALID_REQUEST",
    });
    await direct.abortUpload("wrong", wrong.uploadId);
    await direct.abortUpload("wrong", wrong.uploadId);
    const left = await begin("left");
    expect(left.uploadId).not.toBe("");
    expect(await blobs.abortUploadsBefore(Date.now() - 60_000)).toBe(0);
    expect(await blobs.abortUploadsBefore(Date.now() + 60_000)).toBe(1);
    expect((await blobs.list("")).map(({ path }) => path)).toEqual(["good"]);
    for (const parts of [0, 10_001, 1.5])
      await expect(direct.createUpload("x", parts)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });
});

describe("a store that misbehaves", () => {
  const servers: Server[] = [];
  const stores: S3BlobStore[] = [];
  afterEach(() => {
    for (const store of stores.splice(0)) store.close();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });
  const serve = async (listener: RequestListener): Promise<string> => {
    const server = createServer(listener).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const open = (endpoint: string): S3BlobStore => {
    const store = createS3Blobs({
      config: readS3Config("s3://bucket/p", { endpoint }),
      credentials: async () => ({ accessKeyId: "k", secretAccessKey: "s" }),
      clock: systemClock,
      silenceMs: 100,
      retryAfterMs: [5, 5],
    });
    stores.push(store);
    return store;
  };

  it("is tried again where that may help, with the same body", async () => {
    const bodies: string[] = [];
    const endpoint = await serve(async (request, response) => {
      bodies.push(await text(request));
      response.writeHead(bodies.length < 3 ? 503 : 200).end("<Error><Code>SlowDown</Code></Error>");
    });
    expect(await open(endpoint).put("x", body("hello"))).toMatchObject({ size: 5 });
    expect(bodies).toEqual(["hello", "hello", "hello"]);
  });

  it("is given up soon where it isn't there, is silent, or breaks off", async () => {
    const gone = await serve(() => undefined);
    servers.pop()?.close();
    const silent = await serve(() => undefined);
    const breaking = await serve((request) => request.socket.destroy());
    for (const endpoint of [gone, silent, breaking]) {
      const started = performance.now();
      expect(await statusForClients(open(endpoint).list(""))).toEqual(["ARTIFACTS_UNREACHABLE", 503]);
      expect(performance.now() - started).toBeLessThan(3000);
    }
  });

  it("that points elsewhere is not followed", async () => {
    let called = 0;
    const elsewhere = await serve((_, response) => {
      called += 1;
      response.end("stolen");
    });
    for (const status of [301, 302, 307, 308]) {
      const endpoint = await serve((_, response) => {
        response.writeHead(status, { location: `${elsewhere}/bucket/p/x` }).end();
      });
      const [code, answered] = await statusForClients(open(endpoint).get("x"));
      expect(code).toBe("ARTIFACTS_ELSEWHERE");
      expect(RETRIED).not.toContain(answered);
    }
    expect(called).toBe(0);
  });

  it("never sees or shows the secret", async () => {
    let seen = "";
    const endpoint = await serve(async (request, response) => {
      seen += JSON.stringify([request.url, request.headers, await text(request)]);
      response.writeHead(400).end("<Error><Code>Odd</Code><Message>no</Message></Error>");
    });
    const store = createS3Blobs({
      config: readS3Config("s3://bucket", { endpoint }),
      credentials: async () => ({ accessKeyId: "key", secretAccessKey: "top-secret" }),
      clock: systemClock,
    });
    stores.push(store);
    const error: unknown = await store.put("x", body("1")).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ARTIFACTS_FAILED" });
    expect(seen + JSON.stringify(error) + String((error as Error).stack)).not.toContain("top-secret");
  });

  it("that answers with nonsense makes no endless listing", async () => {
    const endpoint = await serve((_, response) => {
      response.end("<R><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></R>");
    });
    expect(await open(endpoint).list("")).toEqual([]);
  });
});
