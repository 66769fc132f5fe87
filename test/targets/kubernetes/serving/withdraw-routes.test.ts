import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../../src/base/clock.ts";
import { openGit } from "../../../../src/git/plumbing.ts";
import { openRenderedBranch, type RenderedBranch } from "../../../../src/git/rendered-branch.ts";
import type { ObjectIdentity } from "../../../../src/targets/kubernetes/object.ts";
import { fileOf } from "../../../../src/targets/kubernetes/serving/branch-state.ts";
import { renderRoute, routePath } from "../../../../src/targets/kubernetes/serving/gateway/route.ts";
import { withdrawRoutes } from "../../../../src/targets/kubernetes/serving/gateway/withdraw-routes.ts";

const VARIANT = "team-a/iris-v1.yaml";
const ROUTE = routePath("team-a", "iris");

let folder: string;
let branch: RenderedBranch;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-withdraw-"));
  const git = await openGit({ path: process.env["PATH"] ?? "" });
  await git.run(["init", "--bare", "--quiet", folder]);
  branch = openRenderedBranch({ path: folder, git, clock: systemClock, branch: "refs/heads/kubernetes" });
  const service = { service: "iris", namespace: "team-a", prepared: [1], champion: 1, share: 0 };
  const route = renderRoute(service, { name: "platform", namespace: "gateway", host: "slipway.example.com" });
  const files = new Map([
    [VARIANT, "{}\n"],
    [ROUTE, fileOf([route!])],
  ]);
  await branch.commit(files, "Divide");
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test("takes routes from the cluster, then from the branch, and nothing else", async () => {
  const deleted: ObjectIdentity[] = [];
  const client = { delete: async (one: ObjectIdentity) => deleted.push(one) > 0 };
  await withdrawRoutes({ branch, client });
  expect(deleted).toEqual([
    { group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "team-a", name: "route-iris" },
  ]);
  const { commit, files } = await branch.read();
  expect([...files.keys()]).toEqual([VARIANT]);
  await withdrawRoutes({ branch, client });
  expect((await branch.read()).commit).toBe(commit);
  expect(deleted).toHaveLength(1);
});

test("keeps in the branch what the cluster didn't give up", async () => {
  const client = { delete: () => Promise.reject(new Error("the API server is away")) };
  await expect(withdrawRoutes({ branch, client })).rejects.toThrow("away");
  expect([...(await branch.read()).files.keys()]).toContain(ROUTE);
});
