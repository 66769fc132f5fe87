import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startS3, type S3Server } from "../support/s3.ts";
import {
  git,
  newFolder,
  processesOf,
  removeFolder,
  run,
  startPlatform,
  type TestPlatform,
} from "./platform.ts";

const SPEC = `apiVersion: slipway/v1
kind: Project
name: churn
pipeline:
  steps:
    - { name: train, run: "true" }
`;

describe.skipIf(process.platform !== "linux")("slipway up --git-mirror s3://", () => {
  let s3: S3Server;
  let platform: TestPlatform | undefined;
  const data = newFolder("git-mirror");
  const work = newFolder("git-mirror-work");
  beforeAll(async () => void (s3 = await startS3()));
  afterAll(async () => {
    await platform?.stop();
    for (const { pid } of processesOf(data)) process.kill(pid, "SIGKILL");
    await s3?.close();
    for (const folder of [data, work]) removeFolder(folder);
  });
  const up = (): Promise<TestPlatform> => {
    const { accessKeyId, secretAccessKey } = s3.credentials;
    const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    const args = ["--git-mirror", "s3://slipway-test/git", "--artifacts-endpoint", s3.endpoint];
    return startPlatform(data, 0, env, args);
  };
  const push = async (url: string, file: string): Promise<{ code: number | null; output: string }> => {
    writeFileSync(join(work, file), file);
    await git(work, "add", "-A");
    await git(work, "commit", "-m", file);
    return git(work, "push", `${url}/git/churn.git`, "HEAD:main");
  };
  const remote = async (url: string, name: string): Promise<string> =>
    (await git(work, "ls-remote", `${url}/git/${name}.git`)).output;

  it("comes back with every repository after kill -9 and a lost volume, and refuses pushes without the store", async () => {
    platform = await up();
    await git(work, "init", "--quiet", "--initial-branch=main");
    writeFileSync(join(work, "slipway.yaml"), SPEC);
    const first = await push(platform.url, "a");
    expect(first.code, first.output).toBe(0);
    expect(first.output).toContain("starts pipeline run");
    const before = await remote(platform.url, "churn");

    for (const { pid } of processesOf(data)) process.kill(pid, "SIGKILL");
    await platform.ended;
    rmSync(join(data, "git"), { recursive: true });
    platform = await up();
    expect(await remote(platform.url, "churn")).toBe(before);
    const checked = await run("git", ["--git-dir", join(data, "git", "churn.git"), "fsck", "--no-dangling"]);
    expect(checked.code, checked.output).toBe(0);
    const second = await push(platform.url, "b");
    expect(second.output).toContain("starts pipeline run");
    const after = await remote(platform.url, "churn");
    expect(after).not.toBe(before);

    await s3.close();
    const refused = await push(platform.url, "c");
    expect(refused.code).toBe(1);
    expect(refused.output).toContain("the mirror of the repositories can't be written");
    expect(refused.output).toContain("Nothing was moved.");
    expect(await remote(platform.url, "churn")).toBe(after);
  });
});
