import { createHash, randomBytes } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ReadableStream } from "node:stream/web";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startS3, type S3Server } from "../support/s3.ts";
import { eventually } from "../support/serving-platform.ts";
import { newFolder, startPlatform, type TestPlatform } from "./platform.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("slipway up --artifacts s3://", () => {
  let s3: S3Server;
  const folders: string[] = [];
  const platforms: TestPlatform[] = [];
  beforeAll(async () => void (s3 = await startS3()));
  afterAll(async () => {
    for (const platform of platforms) await platform.stop();
    await s3?.close();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  const up = async (secret: string): Promise<TestPlatform> => {
    const folder = newFolder("s3");
    folders.push(folder);
    const env = { AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: secret };
    const args = ["--artifacts", "s3://slipway-test/platform", "--artifacts-endpoint", s3.endpoint];
    const platform = await startPlatform(join(folder, "data"), 0, env, args);
    platforms.push(platform);
    return platform;
  };

  it("keeps artifacts there, streamed through the public address", async () => {
    const { url } = await up(s3.credentials.secretAccessKey);
    const file = `${url}/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/big.bin`;
    const content = randomBytes(20 * 1024 * 1024);
    // In chunks of no announced length, as a stream comes.
    const body = new ReadableStream({
      start(controller) {
        for (let at = 0; at < content.length; at += 1024 * 1024)
          controller.enqueue(content.subarray(at, at + 1024 * 1024));
        controller.close();
      },
    });
    const sent = await fetch(file, { method: "PUT", body, duplex: "half" } as object);
    expect([sent.status, await sent.json()]).toEqual([200, {}]);
    const kept = readFileSync(join(s3.bucketFolder, "platform", "0", "r", "artifacts", "big.bin"));
    expect(sha256(kept as unknown as Uint8Array)).toBe(sha256(content as unknown as Uint8Array));
    const got = await fetch(file, { headers: { range: "bytes=1000000-" } });
    expect(got.status).toBe(206);
    expect(sha256(new Uint8Array(await got.arrayBuffer()))).toBe(
      sha256((content as unknown as Uint8Array).subarray(1_000_000)),
    );
  });

  it("says in the log at once when the keys are wrong, and answers so that clients don't wait", async () => {
    const secret = "not-the-secret";
    const { url, dataDir } = await up(secret);
    const answer = await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/0/x`, { method: "PUT", body: "1" });
    expect([answer.status, ((await answer.json()) as { error_code: string }).error_code]).toEqual([
      424,
      "INVALID_STATE",
    ]);
    const log = await eventually("a line about the keys", () => {
      const text = readFileSync(join(dataDir, "logs", "control.log"), "utf8");
      return text.includes("SignatureDoesNotMatch") && text;
    });
    expect(log).not.toContain(secret);
  });
});
