import { spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  api,
  eventually,
  git,
  newFolder,
  removeFolder,
  slipway,
  startPlatform,
  type TestPlatform,
} from "./platform.ts";
import { ADDER, modelProject, workTree } from "./projects.ts";

/** A disk of a test's own, small enough to fill. */
interface SmallDisk {
  folder: string;
  kind: string;
  remove(): void;
}

const DISK_BYTES = 96 * 1024 * 1024;

/** A tmpfs where this user may mount one, else a file system in an image by macOS's hdiutil; else it says so and fails. */
function smallDisk(): SmallDisk {
  const folder = newFolder("disk");
  const run = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: "utf8" });
  if (process.platform === "darwin") {
    const image = `${folder}.dmg`;
    run("hdiutil", "create", "-size", "96m", "-fs", "APFS", "-volname", "slipway", image);
    const attached = run("hdiutil", "attach", "-nobrowse", "-mountpoint", folder, image);
    if (attached.status === 0)
      return {
        folder,
        kind: "an image attached by hdiutil",
        remove() {
          run("hdiutil", "detach", "-force", folder);
          rmSync(image, { force: true });
          removeFolder(folder);
        },
      };
  }
  for (const sudo of [[], ["sudo", "-n"]]) {
    const [program = "mount", ...args] = [
      ...sudo,
      "mount",
      "-t",
      "tmpfs",
      "-o",
      `size=${DISK_BYTES},mode=777`,
      "tmpfs",
      folder,
    ];
    if (run(program, ...args).status !== 0) continue;
    return {
      folder,
      kind: `a tmpfs of ${DISK_BYTES} bytes`,
      remove() {
        const [umount = "umount", ...rest] = [...sudo, "umount", "-l", folder];
        run(umount, ...rest);
        removeFolder(folder);
      },
    };
  }
  throw new Error(
    "this test fills a disk of its own: it needs the right to mount a tmpfs (root, or sudo without a password)",
  );
}

/** Takes every byte that is left; answers the file. */
function fill(folder: string): string {
  const file = join(folder, "filling");
  const fd = openSync(file, "a");
  try {
    for (let size = 1024 * 1024; size >= 1; size = Math.floor(size / 4)) {
      const zeros = new Uint8Array(size);
      try {
        while (writeSync(fd, zeros) === size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    }
  } finally {
    closeSync(fd);
  }
  expect(statfsSync(folder).bavail).toBe(0);
  return file;
}

describe("a full disk", () => {
  let disk: SmallDisk;
  let data: string;
  let platform: TestPlatform;
  let run: string;
  const works: string[] = [];

  const mlflow = async (call: string, body: object) => {
    const answer = await fetch(`${platform.url}/api/2.0/mlflow/${call}`, {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    return { status: answer.status, text: await answer.text() };
  };
  const log = (value: number) =>
    mlflow("runs/log-batch", {
      run_id: run,
      metrics: Array.from({ length: 200 }, (_, i) => ({ key: `m${i}`, value, timestamp: 1, step: value })),
    });
  const kept = async (): Promise<number> => {
    const answer = await fetch(
      `${platform.url}/api/2.0/mlflow/metrics/get-history?run_id=${run}&metric_key=m199`,
    );
    return ((await answer.json()) as { metrics?: unknown[] }).metrics?.length ?? 0;
  };
  const predict = async () => {
    const tensor = (name: string) => ({ name, shape: [1, 2], datatype: "FP32", data: [1, 2] });
    const answer = await fetch(`${platform.url}/v2/models/adder/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs: [tensor("a"), tensor("b")] }),
    });
    return { status: answer.status, text: await answer.text() };
  };
  const project = async (name: string) => {
    const work = await workTree(modelProject(name, ADDER));
    works.push(work);
    return work;
  };
  const push = (work: string, name: string) =>
    git(work, "push", `${platform.gitUrl}/${name}.git`, "HEAD:main");

  beforeAll(async () => {
    disk = smallDisk();
    console.log(`full disk: this test fills ${disk.kind}`);
    data = join(disk.folder, "data");
    platform = await startPlatform(data);
    expect((await push(await project("adder"), "adder")).output).toContain("first champion");
    run = (
      JSON.parse((await mlflow("runs/create", { experiment_id: "0" })).text) as {
        run: { info: { run_id: string } };
      }
    ).run.info.run_id;
    expect(await log(0)).toMatchObject({ status: 200 });
  });
  afterAll(async () => {
    await platform.stop();
    disk.remove();
    works.forEach(removeFolder);
  });

  test("refuses what it can't keep, serves on, and takes it again when there is room", async () => {
    const file = fill(disk.folder);
    // The database's log may have room inside itself for a while; then it says so.
    let acknowledged = 1;
    const refused = await eventually("a refusal", async () => {
      const answer = await log(acknowledged);
      if (answer.status === 200) acknowledged += 1;
      return answer.status === 200 ? undefined : answer;
    });
    expect(refused.status).toBe(507);
    expect(refused.text).toContain("RESOURCE_EXHAUSTED");
    expect(refused.text).toMatch(/make room and try again/);
    expect(await kept()).toBe(acknowledged);

    const artifact = await fetch(
      `${platform.url}/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/big.bin`,
      { method: "PUT", body: new Uint8Array(256 * 1024) },
    );
    expect(artifact.status).toBe(507);
    expect(await artifact.text()).toMatch(/make room/);
    expect(
      readdirSync(join(data, "artifacts"), { recursive: true }).filter((name) =>
        String(name).includes("big.bin"),
      ),
    ).toEqual([]);

    const pushed = await push(await project("late"), "late");
    expect(pushed.code).not.toBe(0);
    expect(pushed.output).toMatch(/disk|No space left|STORE_FULL|make room/i);
    expect(pushed.output).not.toMatch(/\n(remote: )? {4}at /);

    expect(await predict()).toMatchObject({ status: 200 });
    expect((await api<{ services: unknown[] }>(platform, "/services")).services).toHaveLength(1);
    for (const path of ["/health", "/version", "/v2/health/live"])
      expect((await fetch(platform.url + path)).status).toBe(200);

    rmSync(file);
    expect(await log(acknowledged)).toMatchObject({ status: 200 });
    expect(await kept()).toBe(acknowledged + 1);
    const again = await push(works.at(-1) ?? "", "late");
    expect(again.output).toContain("first champion");
    expect(await predict()).toMatchObject({ status: 200 });
  }, 60_000);

  test("won't start on it, and starts where it was once there is room", async () => {
    const before = await kept();
    expect(await platform.stop()).toBe(0);
    const file = fill(disk.folder);
    const { code, output } = await slipway(["up", "--port", "0", "--data", data]);
    expect(code).toBe(1);
    expect(output).toContain("DISK_FULL");
    expect(output).toMatch(/at least \d+/);
    expect(output).toContain("→ Free some space");
    expect(output).not.toMatch(/\n {4}at /);
    rmSync(file);
    platform = await startPlatform(data);
    expect(await kept()).toBe(before);
    expect(
      await eventually("the champion", async () => ((await predict()).status === 200 ? true : undefined)),
    ).toBe(true);
  });
});
