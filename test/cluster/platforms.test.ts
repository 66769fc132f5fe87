import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { testCluster, type TestCluster } from "./support/cluster.ts";
import { slipway, slipwayJson } from "./support/command.ts";
import { definitions, installDefinitions, removeDefinitions } from "./support/definitions.ts";
import { giveThings } from "./support/given.ts";
import { differences, listing, type Listing } from "./support/listing.ts";
import { platformFiles, renderFile } from "./support/platforms.ts";
import { StandInNode } from "./support/stand-in-node.ts";

interface PlannedChange {
  key: string;
  action: string;
  fields: { path: string }[];
}

/** After so many lines of its progress an apply is killed; 1 is before the first object. */
const KILLED_AFTER = [1, 4, 9, 17, 33];
/** What controllers make of what was applied, and the notes that we keep. */
const FOLLOWS =
  /^(v1 (Pod|Endpoints|ConfigMap .*\/(kube-root-ca\.crt|slipway-inventory-.*))|apps\/v1 (ReplicaSet|ControllerRevision)|discovery\.k8s\.io\/v1 EndpointSlice)\b/;

let cluster: TestCluster;
let node: StandInNode;
let folder: string;
const installed = definitions();

beforeAll(async () => {
  cluster = testCluster();
  folder = mkdtempSync(join(tmpdir(), "slipway-platforms-"));
  await installDefinitions(cluster, installed);
  node = new StandInNode(cluster);
  await node.start();
});

afterAll(async () => {
  await node.stop();
  await removeDefinitions(cluster, installed);
  rmSync(folder, { recursive: true, force: true });
});

describe.each(platformFiles())("the platform $name on a real API server", (file) => {
  let path: string;
  let before: Listing;
  const call = (verb: string, ...args: string[]) =>
    slipway(cluster.kubeconfig, ["platform", verb, "-f", path, ...args]);
  const planned = async (): Promise<PlannedChange[]> => {
    const { objects } = await slipwayJson<{ objects: PlannedChange[] }>(cluster.kubeconfig, [
      "platform",
      "plan",
      "-f",
      path,
    ]);
    return objects.filter(({ action }) => action !== "keep");
  };

  beforeAll(async () => {
    path = join(folder, `${file.name}.yaml`);
    copyFileSync(file.path, path);
    await giveThings(cluster, renderFile(file));
    before = await listing(cluster);
  });

  it("is planned as new, changes nothing by that, and is applied", async () => {
    expect(new Set((await planned()).map(({ action }) => action))).toEqual(new Set(["create"]));
    expect(differences(before, await listing(cluster))).toEqual([]);
    const { code, stdout, stderr } = await call("apply", "--yes");
    expect(code, `${stdout}\n${stderr}`).toBe(0);
  });

  it("has nothing to do when it is planned again", async () => {
    expect(await planned()).toEqual([]);
  });

  it("changes what the plan says, and nothing else", async () => {
    change(path);
    const plan = await planned();
    const keys = plan.map(({ key }) => key).sort();
    expect(keys).not.toEqual([]);
    const earlier = await listing(cluster);
    const { code, stderr } = await call("apply", "--yes");
    expect(code, stderr).toBe(0);
    const happened = differences(earlier, await listing(cluster))
      .map((line) => line.split("\n")[0]!.replace(/^\w+: /, ""))
      .filter((name) => !FOLLOWS.test(name));
    expect(happened.map(keyOf).sort()).toEqual(keys);
    expect(await planned()).toEqual([]);
  });

  it("is whole after an apply that was killed at any object", async () => {
    expect((await call("destroy", "--yes")).code).toBe(0);
    for (const lines of KILLED_AFTER)
      await slipway(cluster.kubeconfig, ["platform", "apply", "-f", path, "--yes"], lines);
    const { code, stderr } = await call("apply", "--yes");
    expect(code, stderr).toBe(0);
    expect(await planned()).toEqual([]);
  });

  it("leaves the cluster as it was when it is destroyed", async () => {
    const { code, stdout, stderr } = await call("destroy", "--yes");
    expect(code, `${stdout}\n${stderr}`).toBe(0);
    expect(differences(before, await listing(cluster))).toEqual([]);
  });
});

/** `apps/v1 Deployment slipway/control` as plans name it. */
function keyOf(line: string): string {
  const [apiVersion = "", kind = "", name = ""] = line.split(" ");
  const group = apiVersion.includes("/") ? `.${apiVersion.split("/")[0]}` : "";
  return `${kind}${group}/${name}`;
}

/** Another quota for every tenant. */
function change(path: string): void {
  const document = parseDocument(readFileSync(path, "utf8"));
  const tenants = (document.toJS() as { tenants?: { quota: { pods: number } }[] }).tenants ?? [];
  for (const [index, { quota }] of tenants.entries())
    document.setIn(["tenants", index, "quota", "pods"], quota.pods + 7);
  writeFileSync(path, document.toString());
}
