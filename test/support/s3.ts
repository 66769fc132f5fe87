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
import { startS3StandIn } from "./s3-stand-in/server.ts";

const BUCKET = "slipway-test";

/** Path of the real server; undefined where none is built: then the stand-in answers, as `npm test` says. */
const realServer = (ensureS3Server as (options: { install: boolean }) => string | undefined)({
  install: false,
});

/** An S3-compatible server on loopback, which checks signatures, with one bucket: the real one where there is one. */
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
  const folder = await temporaryFolder();
  const bucketFolder = join(folder.path, "data", BUCKET);
  await mkdir(bucketFolder, { recursive: true });
  const credentials = { accessKeyId: "testkey", secretAccessKey: randomBytes(20).toString("hex") };
  const { port, close } =
    realServer === undefined
      ? await startS3StandIn({ bucket: BUCKET, folder: bucketFolder, keys: credentials })
      : await startReal(realServer, folder.path, credentials);
  const endpoint = `http://127.0.0.1:${port}`;
  const opened: { close(): void }[] = [];
  return {
    endpoint,
    credentials,
    bucketFolder,
    open(prefix = `p-${randomBytes(4).toString("hex")}`, changed = {}) {
      const blobs = createS3Blobs({
        config: readS3Config(`s3://${BUCKET}/${prefix}`, { endpoint }),
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
      await close();
      await rm(folder.path, { recursive: true, force: true });
    },
  };
}

/** Its bucket is the folder `data/slipway-test` below the given one. */
async function startReal(
  program: string,
  folder: string,
  { accessKeyId, secretAccessKey }: S3Credentials,
): Promise<{ port: number; close(): Promise<void> }> {
  await mkdir(join(folder, "meta"));
  const port = await freePort();
  const where = ["--sidecar", join(folder, "meta"), join(folder, "data")];
  const child = spawn(
    program,
    ["--port", `127.0.0.1:${port}`, "--health", "/health", "--quiet", "posix", ...where],
    {
      stdio: "ignore",
      env: {
        PATH: "/usr/bin:/bin",
        HOME: folder,
        ROOT_ACCESS_KEY: accessKeyId,
        ROOT_SECRET_KEY: secretAccessKey,
      },
    },
  );
  await untilHealthy(child, `http://127.0.0.1:${port}/health`);
  return {
    port,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
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
