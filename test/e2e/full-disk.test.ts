import { spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  api,
  eventually,
  git,
  newFolder,
  processesOf,
  removeFolder,
  slipway,
  startPlatform,
  type TestPlatform,
} from "./platform.ts";
import { ADDER, modelProject, workTree } from "./projects.ts";

/** Where writes can be made to fail for want of room, and to work again. */
interface SmallDisk {
  folder: string;
  /** For whoever reads the test's output. */
  kind: string;
  /** How the tracking API answers a write that finds no room. */
  refusal: { status: number; words: RegExp };
  /** Whether a start can find it full. */
  hasSize: boolean;
  fill(): void;
  free(): void;
  remove(): void;
}

const DISK_BYTES = 96 * 1024 * 1024;
const FULL = { status: 507, words: /RESOURCE_EXHAUSTED.*make room and try again/s };

const call = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;

/** A tmpfs where this user may mount one; an image on macOS; else a limit on the size of every process's files. */
function smallDisk(): SmallDisk {
  const folder = newFolder("disk");
  const mount = ["mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES},mode=777`, "tmpfs", folder];
  for (const sudo of [[], ["sudo", "-n"]]) {
    const [program = "", ...args] = [...sudo, ...mount];
    const [unmount = "", ...rest] = [...sudo, "umount", "-l", folder];
    if (call(program, ...args)) return filled(folder, "a tmpfs", () => void call(unmount, ...rest));
  }
  const image = `${folder}.dmg`;
  if (
    call("hdiutil", "create", "-size", "96m", "-fs", "APFS", "-volname", "slipway", image) &&
    call("hdiutil", "attach", "-nobrowse", "-mountpoint", folder, image)
  )
    return filled(folder, "a disk image", () => {
      call("hdiutil", "detach", "-force", folder);
      rmSync(image, { force: true });
    });
  if (call("prlimit", "--version")) return limited(folder);
  throw new Error("no way to a full disk here: needs the right to mount a tmpfs, hdiutil, or prlimit");
}

function filled(folder: string, kind: string, unmount: () => void): SmallDisk {
  const file = join(folder, "filling");
  return {
    folder,
    kind: `${kind} of ${DISK_BYTES} bytes, filled to the last`,
    refusal: FULL,
    hasSize: true,
    fill: () => fillUp(folder, file),
    free: () => rmSync(file, { force: true }),
    remove() {
      unmount();
      removeFolder(folder);
    },
  };
}

/** Without a disk of its own: the kernel refuses writes beyond a file's first byte (EFBIG), whatever room there is. */
function limited(folder: string): SmallDisk {
  const limit = (size: string) => {
    for (const { pid } of processesOf(folder)) call("prlimit", "--pid", String(pid), `--fsize=${size}:`);
  };
  return {
    folder,
    kind: "no disk (no right to mount one): a file-size limit on the platform's processes stands for it",
    refusal: { status: 500, words: /INTERNAL_ERROR.*disk/s },
    hasSize: false,
    fill: () => limit("1"),
    free: () => limit("unlimited"),
    remove: () => removeFolder(folder),
  };
}

/** Takes every byte that is left. */
function fillUp(folder: string, file: string): void {
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
    console.log(`full disk: ${disk.kind}`);
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

  afterEach(() => disk.free());

  test("refuses what it can't keep, serves on, and takes it again when there is room", async () => {
    disk.fill();
    // The database's log may have room inside itself for a while; then it says so.
    let acknowledged = 1;
    const refused = await eventually("a refusal", async () => {
      const answer = await log(acknowledged);
      if (answer.status === 200) acknowledged += 1;
      return answer.status === 200 ? undefined : answer;
    });
    expect(refused.status).toBe(disk.refusal.status);
    expect(refused.text).toMatch(disk.refusal.words);
    expect(await kept()).toBe(acknowledged);

    const artifact = await fetch(
      `${platform.url}/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/big.bin`,
      { method: "PUT", body: new Uint8Array(256 * 1024) },
    );
    expect(artifact.status).toBe(disk.refusal.status);
    expect(await artifact.text()).toContain("error_code");
    expect(
      readdirSync(join(data, "artifacts"), { recursive: true }).filter((name) =>
        String(name).includes("big.bin"),
      ),
    ).toEqual([]);

    const pushed = await push(await project("late"), "late");
    expect(pushed.code).not.toBe(0);
    expect(pushed.output).toMatch(/disk|No space left|STORE_FULL|make room|SIGXFSZ/i);
    expect(pushed.output).not.toMatch(/\n(remote: )? {4}at /);

    expect(await predict()).toMatchObject({ status: 200 });
    expect((await api<{ services: unknown[] }>(platform, "/services")).services).toHaveLength(1);
    for (const path of ["/health", "/version", "/v2/health/live"])
      expect((await fetch(platform.url + path)).status).toBe(200);

    disk.free();
    expect(await log(acknowledged)).toMatchObject({ status: 200 });
    expect(await kept()).toBe(acknowledged + 1);
    const again = await push(works.at(-1) ?? "", "late");
    expect(again.output).toContain("first champion");
    expect(await predict()).toMatchObject({ status: 200 });
  }, 60_000);

  test("won't start on it, and starts where it was once there is room", async () => {
    const before = await kept();
    expect(await platform.stop()).toBe(0);
    if (disk.hasSize) {
      disk.fill();
      const { code, output } = await slipway(["up", "--port", "0", "--data", data]);
      disk.free();
      expect(code).toBe(1);
      expect(output).toContain("DISK_FULL");
      expect(output).toMatch(/at least \d+/);
      expect(output).toContain("→ Free some space");
      expect(output).not.toMatch(/\n {4}at /);
    }
    platform = await startPlatform(data);
    expect(await kept()).toBe(before);
    expect(
      await eventually("the champion", async () => ((await predict()).status === 200 ? true : undefined)),
    ).toBe(true);
  });
});
