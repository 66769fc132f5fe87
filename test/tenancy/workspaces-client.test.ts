import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryFolder } from "../store/support.ts";
import { runMlflowScript } from "../tracking/mlflow-script.ts";
import type { TestPlatform } from "../tracking/platform.ts";
import { ROOT, startTenancy, type TenancyPlatform } from "./platform.ts";

let platform: TenancyPlatform;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  [platform, folder] = await Promise.all([startTenancy(), temporaryFolder()]);
});
afterAll(async () => {
  await platform?.close();
  await folder?.dispose();
});

it("the unchanged client keeps workspaces, which are tenants", async () => {
  // As much of a platform as the script needs.
  const place = { app: platform.app, folder: folder.path } as TestPlatform;
  const seen = await runMlflowScript(place, "mlflow_workspace_admin", { MLFLOW_TRACKING_TOKEN: ROOT });
  expect(seen).toEqual({
    before: ["default"],
    made: ["team-a", "first"],
    changed: "changed",
    got: "changed",
    listed: ["default", "team-a"],
    gone: "RESOURCE_DOES_NOT_EXIST",
  });
  const { body } = await platform.ask("GET", "/tenants");
  expect(body.tenants.map(({ name }: { name: string }) => name).toSorted()).toEqual(["default", "team-a"]);
  expect(platform.defects).toEqual([]);
});
