import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { createS3Blobs, type S3BlobsDeps } from "../../src/store/s3-blobs.ts";
import { readS3Config } from "../../src/store/s3/config.ts";
import type { S3Credentials } from "../../src/store/s3/signature.ts";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensureS3Server } from "../../tools/s3-server.mjs";
import { temporaryFolder } from "../store/support.ts";

/** Path of the server; undefined where it isn't built: then `npm test` says what is missing. */
export const s3Server = (ensureS3Server as (options: { install: boolean }) => string | undefined)({
  install: false,
});
if (s3Server === undefined)
  console.log("skipped: tests against S3 need `node tools/s3-server.mjs`, which needs Go");

/** A real S3-compatible server on loopback, which checks signatures, with one bucket. */
export interface S3Server {
  endpoint: string;
  credentials: S3Credentials;
  /** What is in the bucket, as files. */
  bucketFolder: string;
  /** A store below a prefix of the bucket. */
  open(prefix?: string, changed?: Partial<S3BlobsDeps>): ReturnType<typeof createS3Blobs>;
  close(): Promise<void>;
}

export async function startS3(): Promise<S3Server> {
  if (s3Server === undefined) throw new Error("there is no S3 server on this machine");
  const folder = await temporaryFolder();
  const names = ["data/slipway-test", "meta"];
  for (const name of names) await mkdir(join(folder.path, name), { recursive: true });
  const credentials = { accessKeyId: "testkey", secretAccessKey: randomBytes(20).toString("hex") };
  const port = await freePort();
  const child = spawn(
    s3Server,
    ["--port", `127.0.0.1:${port}`, "--health", "/health", "--quiet", "posix"].concat([
      "--sidecar",
      join(folder.path, "meta"),
      join(folder.path, "data"),
    ]),
    {
      stdio: "ignore",
      env: {
        PATH: "/usr/bin:/bin",
        HOME: folder.path,
        ROOT_ACCESS_KEY: credentials.accessKeyId,
        ROOT_SECRET_KEY: credentials.secretAccessKey,
      },
    },
  );
  const endpoint = `http://127.0.0.1:${port}`;
  await untilHealthy(child, `${endpoint}/health`);
  const opened: { close(): void }[] = [];
  return {
    endpoint,
    credentials,
    bucketFolder: join(folder.path, "data", "slipway-test"),
    open(prefix = `p-${randomBytes(4).toString("hex")}`, changed = {}) {
      const blobs = createS3Blobs({
        config: readS3Config(`s3://slipway-test/${prefix}`, { endpoint }),
        credentials: async () => credentials,
        clock: systemClock,
        retryAfterMs: [10],
        ...changed,
      });
      opened.push(blobs);
      return blobs;
    },
    async close() {
      for (const blobs of opened) blobs.close();
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      }
      await rm(folder.path, { recursive: true, force: true });
    },
  };
}

async function untilHealthy(child: ChildProcess, url: string): Promise<void> {
  for (let left = 400; ; left--) {
    if (child.exitCode !== null) throw new Error(`the S3 server ended with ${child.exitCode}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    if (left === 0) throw new Error("the S3 server doesn't answer");
    await systemClock.sleep(25);
  }
}

/** The server takes a port only by number. */
async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}
