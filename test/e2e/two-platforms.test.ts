import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshPostgres } from "../support/shared-postgres.ts";
import { git, newFolder, processesOf, removeFolder, startPlatform, type TestPlatform } from "./platform.ts";

/** Two real platforms that share a PostgreSQL: one runs projects, both answer MLflow's API. */
describe("two platforms with one --store postgres://…", () => {
  const folders = [newFolder("owner"), newFolder("follower")];
  const platforms: TestPlatform[] = [];
  let secret: string;
  beforeAll(async () => {
    const store = new URL(await freshPostgres());
    secret = "s3cret-of-the-store";
    // The server asks for no password; what matters is where this one turns up.
    store.password = secret;
    const passwordFile = join(newFolder("password"), "password");
    writeFileSync(passwordFile, `${secret}\n`);
    folders.push(join(passwordFile, ".."));
    for (const folder of folders.slice(0, 2)) {
      const isFirst = platforms.length === 0;
      const address = new URL(store.href);
      if (!isFirst) address.password = "";
      const more = isFirst ? [] : ["--store-password-file", passwordFile];
      platforms.push(await startPlatform(folder, 0, {}, ["--store", address.href, ...more]));
    }
  });
  afterAll(async () => {
    await Promise.all(platforms.map((platform) => platform.stop()));
    for (const folder of folders) removeFolder(folder);
  });
  const call = async (at: number, path: string, body?: object) => {
    const answer = await fetch(
      `${platforms[at]?.url}${path}`,
      body ? { method: "POST", body: JSON.stringify(body) } : {},
    );
    return { status: answer.status, text: await answer.text() };
  };

  test("what one has acknowledged, the other one shows", async () => {
    const made = await call(1, "/api/2.0/mlflow/experiments/create", { name: "shared" });
    expect(made.status, made.text).toBe(200);
    const seen = await call(0, "/api/2.0/mlflow/experiments/get-by-name?experiment_name=shared");
    expect(JSON.parse(seen.text)).toMatchObject({ experiment: JSON.parse(made.text) as object });
  });

  test("only the first one takes pushes and acts on services; the other one says where", async () => {
    const work = newFolder("two-work");
    folders.push(work);
    await git(work, "init", "--quiet");
    await git(work, "commit", "--allow-empty", "-m", "nothing");
    const refused = await git(work, "push", `${platforms[1]?.gitUrl}/p.git`, "HEAD:main");
    expect(refused.code).not.toBe(0);
    const asked = await call(1, "/git/p.git/info/refs?service=git-receive-pack");
    expect([asked.status, asked.text]).toEqual([409, expect.stringContaining("PLATFORM_FOLLOWS")]);
    expect((await call(1, "/api/slipway/v1/services")).status).toBe(200);
    expect((await call(0, "/git/p.git/info/refs?service=git-receive-pack")).status).toBe(200);
  });

  test.skipIf(process.platform !== "linux")("the password is in no process list, log or answer", async () => {
    const texts = [(await call(0, "/api/slipway/v1/info")).text];
    for (const { pid } of platforms) texts.push(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    for (const folder of folders.slice(0, 2)) {
      for (const { pid } of processesOf(folder)) {
        texts.push(
          readFileSync(`/proc/${pid}/cmdline`, "utf8"),
          readFileSync(`/proc/${pid}/environ`, "utf8"),
        );
      }
      for (const name of readdirSync(join(folder, "logs")))
        texts.push(readFileSync(join(folder, "logs", name), "utf8"));
    }
    expect(texts.length).toBeGreaterThan(8);
    for (const text of texts) expect(text).not.toContain(secret);
  });
});
