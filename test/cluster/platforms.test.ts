import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import type { KubernetesObject } from "../../src/targets/kubernetes/object.ts";
import { testCluster, type TestCluster } from "./support/cluster.ts";
import { slipway, slipwayJson } from "./support/command.ts";
import { definitionsFor, installDefinitions, removeDefinitions } from "./support/definitions.ts";
import { giveThings } from "./support/given.ts";
import { changesBetween, differences, listing, type Listing } from "./support/listing.ts";
import { platformFiles, renderFile } from "./support/platforms.ts";
import { StandInNode } from "./support/stand-in-node.ts";

interface PlannedChange {
  key: string;
  action: string;
  isAdopted?: boolean;
}

/** What `destroy --json` says stays. */
interface Destroyed {
  kept: { namespace: string }[];
  stays: string[];
}

/** After so many lines of its progress an apply is killed; 1 is before the first object. */
const KILLED_AFTER = [1, 9, 33];
let cluster: TestCluster;
let node: StandInNode;
let folder: string;

beforeAll(async () => {
  cluster = testCluster();
  folder = mkdtempSync(join(tmpdir(), "slipway-platforms-"));
  node = new StandInNode(cluster);
  await node.start();
});

afterAll(async () => {
  await node.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(platformFiles())("the platform $name on a real API server", (file) => {
  let path: string;
  let before: Listing;
  let installed: KubernetesObject[];
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
    const charts = join(dirname(file.path), "charts");
    if (existsSync(charts)) cpSync(charts, join(folder, "charts"), { recursive: true });
    const rendered = renderFile(file);
    installed = await installDefinitions(
      cluster,
      definitionsFor(rendered.objects.map(({ object }) => object)),
    );
    await giveThings(cluster, rendered);
    before = await listing(cluster);
  });

  afterAll(() => removeDefinitions(cluster, installed));

  it("is planned as new, changes nothing by that, and is applied", async () => {
    const plan = await planned();
    // Namespaces in which a person has put Secrets before.
    const adopted = plan.filter(({ isAdopted }) => isAdopted).map(({ key }) => key);
    expect(adopted.every((key) => key.startsWith("Namespace//"))).toBe(true);
    expect(plan.filter(({ action, key }) => action !== "create" && !adopted.includes(key))).toEqual([]);
    expect(differences(before, await listing(cluster))).toEqual([]);
    const { code, stdout, stderr } = await call("apply");
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
    const { code, stderr } = await call("apply");
    expect(code, stderr).toBe(0);
    expect(changesBetween(earlier, await listing(cluster))).toEqual(keys);
    expect(await planned()).toEqual([]);
  });

  it("is whole after an apply that was killed at any object", async () => {
    expect((await call("destroy", "--yes")).code).toBe(0);
    for (const lines of KILLED_AFTER)
      await slipway(cluster.kubeconfig, ["platform", "apply", "-f", path, "--no-wait"], lines);
    const { code, stderr } = await call("apply");
    expect(code, stderr).toBe(0);
    expect(await planned()).toEqual([]);
  });

  it("leaves the cluster as it was when it is destroyed, but for what it says stays", async () => {
    const args = ["platform", "destroy", "-f", path, "--yes"];
    const { stays } = await slipwayJson<Destroyed>(cluster.kubeconfig, args);
    const left = differences(before, await listing(cluster));
    const volumes = stays.flatMap((line) => /^volume (\S+), with its data/u.exec(line)?.[1] ?? []);
    expect(left).toEqual(volumes.map((name) => `new: v1 PersistentVolumeClaim ${name}`));
    for (const name of volumes) {
      const [namespace = "", claim = ""] = name.split("/");
      await cluster.send({
        method: "DELETE",
        path: `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${claim}`,
      });
    }
  });
});

/** Another quota for every tenant. */
function change(path: string): void {
  const document = parseDocument(readFileSync(path, "utf8"));
  const tenants = (document.toJS() as { tenants?: { quota: { pods: number } }[] }).tenants ?? [];
  for (const [index, { quota }] of tenants.entries())
    document.setIn(["tenants", index, "quota", "pods"], quota.pods + 7);
  writeFileSync(path, document.toString());
}
