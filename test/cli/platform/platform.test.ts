import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { run } from "../run.ts";

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "slipway-platform-"));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const text = (path: string) => readFile(join(cwd, path), "utf8");
const ENV = {
  PATH: process.env.PATH ?? "",
  GIT_AUTHOR_NAME: "ana",
  GIT_AUTHOR_EMAIL: "ana@example.com",
  GIT_COMMITTER_NAME: "ana",
  GIT_COMMITTER_EMAIL: "ana@example.com",
};
const git = (folder: string, ...args: string[]) =>
  execFileSync("git", args, { cwd: join(cwd, folder), env: ENV, encoding: "utf8" });

describe("init", () => {
  test.each([
    ["kind", "kind create cluster --config kind.yaml"],
    ["k3d", "k3d cluster create --config k3d.yaml"],
  ])("writes a platform that renders, and a cluster for %s", async (kind, command) => {
    const made = await run(["platform", "init", kind, "--name", "delivery", "--local", kind], { cwd });
    expect(made).toMatchObject({ code: 0, err: "" });
    expect(made.out).toContain(`  ${command}\n`);
    expect(parse(await text(`${kind}/${kind}.yaml`))).toMatchObject({
      kind: kind === "kind" ? "Cluster" : "Simple",
    });
    const rendered = await run(["platform", "render", "-f", kind, "-e", "staging", "--out", "out"], { cwd });
    expect(rendered.code).toBe(0);
    expect(parse(await text("out/kustomization.yaml"))).toMatchObject({ kind: "Kustomization" });
  });

  test("overwrites nothing", async () => {
    await run(["platform", "init", "twice"], { cwd });
    const again = await run(["platform", "init", "twice"], { cwd });
    expect(again.code).toBe(4);
    expect(again.err).toContain("platform.yaml exists already");
  });

  test("knows which clusters there are", async () => {
    const { code, err } = await run(["platform", "init", "x", "--local", "minikube"], { cwd });
    expect(code).toBe(2);
    expect(err).toContain("kind, k3d");
  });
});

describe("a file", () => {
  const HEAD = `apiVersion: slipway/v1
kind: Platform
name: delivery
kubernetes: { version: "1.36" }
domain: ml.example.com
`;

  test("with problems is shown with its lines, its secrets unreadable", async () => {
    await writeFile(join(cwd, "wrong.yaml"), `${HEAD}tenants: [ { name: A } ]\npassword: hunter2\n`);
    const { code, err } = await run(["platform", "render", "-f", "wrong.yaml"], { cwd });
    expect(code).toBe(1);
    expect(err).toContain("wrong.yaml:6:20: tenants[0].name isn't a DNS label (dns-label)");
    expect(err).toContain("(secret-in-clear)");
    expect(err).not.toContain("hunter2");
    const json = await run(["platform", "render", "-f", "wrong.yaml", "--json"], { cwd });
    expect(JSON.parse(json.out)).toMatchObject({
      ok: false,
      problems: [{ rule: "missing-key" }, {}, {}, {}],
    });
  });

  test("has the environments it has", async () => {
    await writeFile(join(cwd, "small.yaml"), `${HEAD}environments: { staging: {} }\n`);
    const { code, err } = await run(["platform", "render", "-f", "small.yaml", "-e", "stagin"], { cwd });
    expect(code).toBe(5);
    expect(err).toContain("did you mean staging?");
  });

  test("may be written in TypeScript", async () => {
    await writeFile(
      join(cwd, "platform.ts"),
      `import { definePlatform } from "slipway";
export default definePlatform({ apiVersion: "slipway/v1", kind: "Platform", name: "typed",
  kubernetes: { version: "1.36" }, domain: "ml.example.com" });`,
    );
    const { code, out } = await run(["platform", "render", "-f", "platform.ts", "--json"], { cwd });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ ok: true, platform: { name: "typed" } });
    const checked = await run(["validate", "platform.ts", "--write"], { cwd });
    expect(checked.out).toContain("is valid: platform typed, 0 components, 0 tenants, 0 environments");
    expect(parse(await text("platform.yaml"))).toMatchObject({ name: "typed" });
  });

  test("is locked, and the lock is checked", async () => {
    await run(["platform", "init", "locked"], { cwd });
    const check = ["platform", "lock", "-f", "locked", "--check"];
    expect(await run(check, { cwd })).toMatchObject({ code: 1 });
    expect(await run(["platform", "lock", "-f", "locked"], { cwd })).toMatchObject({ code: 0, err: "" });
    expect(await run(check, { cwd })).toMatchObject({ code: 0 });
    expect(parse(await text("locked/platform.lock.yaml"))).toHaveProperty("rows");
  });
});

describe("promote", () => {
  const SHIP = `apiVersion: slipway/v1
kind: Platform
name: ship
kubernetes: { version: "1.36" }
domain: ml.example.com
images: { slipway: registry.example.com/slipway:1.0 }
environments:
  staging:
    images: { slipway: registry.example.com/slipway:1.1 }
  production: {}
`;

  test("is a commit that says what it carries", async () => {
    await run(["platform", "init", "ship"], { cwd });
    await writeFile(join(cwd, "ship/platform.yaml"), SHIP);
    git("ship", "init", "--quiet", "--initial-branch=main");
    git("ship", "add", ".");
    git("ship", "commit", "--quiet", "-m", "Start");
    const promote = ["platform", "promote", "staging", "production", "-f", "ship"];

    const dry = await run([...promote, "--dry-run"], { cwd, env: ENV });
    expect(dry.out).toMatch(/images\.slipway +registry\.example\.com\/slipway:1\.0 +registry/);
    expect(await text("ship/platform.yaml")).toBe(SHIP);

    expect(await run(promote, { cwd, env: ENV })).toMatchObject({ code: 0, err: "" });
    expect(git("ship", "log", "-1", "--format=%B")).toContain(
      "Promote staging to production\n\n- images.slipway: registry.example.com/slipway:1.0 -> registry.example.com/slipway:1.1\n\nSlipway-Promotion: staging -> production",
    );
    expect(parse(await text("ship/platform.yaml"))).toMatchObject({
      environments: { production: { images: { slipway: "registry.example.com/slipway:1.1" } } },
    });
    const again = await run([...promote, "--json"], { cwd, env: ENV });
    expect(JSON.parse(again.out)).toMatchObject({ carried: [], commit: null });
  });

  test("is refused over changes that aren't committed", async () => {
    const file = join(cwd, "ship/platform.yaml");
    await writeFile(file, `${await readFile(file, "utf8")}# mine\n`.replace("slipway:1.1", "slipway:1.2"));
    const { code, err } = await run(["platform", "promote", "staging", "production", "-f", "ship"], {
      cwd,
      env: ENV,
    });
    expect(code).toBe(4);
    expect(err).toContain("changes that aren't committed");
  });
});
