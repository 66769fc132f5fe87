import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { SUM, SUMMANDS } from "./adder.ts";
import { eventually, git, newFolder, removeFolder, startPlatform, type TestPlatform } from "./platform.ts";
import { ADDER, modelProject, workTree } from "./projects.ts";

const folders: string[] = [];
const folder = (): string => {
  const made = newFolder("moved-data");
  folders.push(made);
  return made;
};
afterAll(() => folders.forEach(removeFolder));

async function sum({ url }: TestPlatform): Promise<string | undefined> {
  const answer = await fetch(`${url}/v2/models/adder/infer`, { method: "POST", body: SUMMANDS });
  const text = await answer.text();
  return answer.status === 200 ? text : undefined;
}

test("a data folder that was copied to another path serves there, also without the models' copies", async () => {
  const [before, after] = [folder(), folder()];
  const work = await workTree(modelProject("adder", ADDER));
  folders.push(work);
  let platform = await startPlatform(before);
  await git(work, "push", `${platform.gitUrl}/adder.git`, "HEAD:main");
  await eventually("the first champion", () => sum(platform));
  expect(await platform.stop()).toBe(0);

  // As the guide's backup does.
  const left = new Set(["run", "lock", "cache"].map((name) => join(before, name)));
  cpSync(before, after, { recursive: true, filter: (path) => !left.has(path) });
  removeFolder(before);
  platform = await startPlatform(after);
  expect(await eventually("the champion at its new place", () => sum(platform))).toContain(SUM);
  expect(await platform.stop()).toBe(0);

  for (const name of readdirSync(join(after, "models")))
    rmSync(join(after, "models", name), { recursive: true });
  platform = await startPlatform(after);
  expect(await eventually("the champion from its artifacts", () => sum(platform))).toContain(SUM);
  expect(readdirSync(join(after, "models"))).toHaveLength(1);
  // It may answer before serve has written that down.
  const written = (): string => readFileSync(join(after, "serve/snapshot.json"), "utf8");
  await eventually(
    "serve's own note of the new place",
    async () => !written().includes(basename(before)) || undefined,
  );
  expect(await platform.stop()).toBe(0);
}, 90_000);
