import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SUMMANDS } from "./adder.ts";
import {
  api,
  eventually,
  git,
  newFolder,
  removeFolder,
  startPlatform,
  slipway,
  type TestPlatform,
} from "./platform.ts";
import { ADDER, modelProject, workTree } from "./projects.ts";

interface Service {
  champion: { version: number } | null;
  challenger: { version: number } | null;
  weight: number;
  rollout: { id: string; state: string; sentence: string | null } | null;
}

const ROLLOUT = `serving: { scale: { min: 1 } }
rollout:
  kind: blue-green
  shadow: { share: 100, for: 2s }
  watch: 2s
`;

describe("copies, then everything at once, with real processes", () => {
  const data = newFolder("kinds");
  let platform: TestPlatform;
  let work: string;

  beforeAll(async () => {
    platform = await startPlatform(data);
    work = await workTree(modelProject("adder", ADDER, ROLLOUT));
    const pushed = await git(work, "push", `${platform.gitUrl}/adder.git`, "HEAD:main");
    expect(pushed.output).toContain("first champion");
  });
  afterAll(async () => {
    await platform.stop();
    removeFolder(data);
    removeFolder(work);
  });

  const service = (): Promise<Service> => api<Service>(platform, "/services/adder");
  const variants = async (count: number): Promise<Set<string>> => {
    const answers = await Promise.all(
      Array.from({ length: count }, () =>
        fetch(`${platform.url}/v2/models/adder/infer`, { method: "POST", body: SUMMANDS }),
      ),
    );
    return new Set(answers.map((answer) => `${answer.status} ${answer.headers.get("x-slipway-variant")}`));
  };

  test("a second version gets copies, no caller its answers, then all requests, then the champion's place", async () => {
    writeFileSync(join(work, "README.md"), "again\n");
    await git(work, "add", "-A");
    await git(work, "commit", "-m", "again");
    const pushed = git(work, "push", `${platform.gitUrl}/adder.git`, "HEAD:main");
    const shadowed = await eventually("copies", async () => {
      const found = await service();
      return found.challenger === null ? undefined : found;
    });
    expect(shadowed).toMatchObject({ champion: { version: 1 }, challenger: { version: 2 }, weight: 0 });
    expect(await variants(40)).toEqual(new Set(["200 1"]));
    await pushed;
    const clone = newFolder("environment");
    const all = await eventually("the switch", async () => {
      const found = await service();
      return found.weight === 100 ? found : undefined;
    });
    expect(all.champion?.version).toBe(1);
    expect(await variants(20)).toEqual(new Set(["200 2"]));
    const after = await eventually("the promotion", async () => {
      const found = await service();
      return found.champion?.version === 2 ? found : undefined;
    });
    expect(after.rollout?.sentence).toMatch(/^switched all requests to version 2; the absolute guard/);
    await git(clone, "clone", "--quiet", `${platform.gitUrl}/environment.git`, ".");
    const log = await git(clone, "log", "--reverse", "--format=%s");
    expect(log.output.trim().split("\n")).toEqual([
      "adder: promote version 1",
      "adder: version 2 gets copies of 100 % of adder's requests",
      "adder: version 2 gets all of adder's requests, version 1 stays ready for 2 s",
      "adder: promote version 2",
    ]);
    removeFolder(clone);
    const back = await slipway(["rollback", "adder", "--url", platform.url, "--reason", "test"]);
    expect(back.code).toBe(0);
    await eventually("version 1 again", async () => {
      const found = await service();
      return found.champion?.version === 1 && found.rollout?.state === "promoted" ? found : undefined;
    });
  }, 60_000);
});
