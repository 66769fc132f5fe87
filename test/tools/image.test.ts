import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeArchive } from "../../tools/image/archive.mjs";
import { tree } from "../../tools/image/entries.mjs";
import { layer } from "../../tools/image/layer.mjs";

let folder: string;
let source: string;
const LONG = `${"deep-".repeat(24)}ñ`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-image-test-"));
  source = join(folder, "source");
  mkdirSync(join(source, LONG), { recursive: true });
  writeFileSync(join(source, LONG, "inside.txt"), "hello");
  writeFileSync(join(source, "run"), "#!/bin/sh\n".repeat(60));
  chmodSync(join(source, "run"), 0o755);
  utimesSync(join(source, "run"), 1_700_000_000, 1_700_000_000);
  symlinkSync("run", join(source, "again"));
  symlinkSync("/nowhere/at/all", join(source, "lost"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function image(name: string): Promise<{ out: string; digest: string }> {
  const blobs = mkdtempSync(join(folder, "blobs-"));
  const out = join(blobs, "image.tar");
  const one = await layer("test", tree("/opt/app", source), blobs);
  const digest = await writeArchive({ out, name, layers: [one], config: { User: "10001" } });
  return { out, digest };
}

function extracted(archive: string, to: string): string {
  mkdirSync(to, { recursive: true });
  const { stderr } = spawnSync("tar", ["-xf", archive, "-C", to], { encoding: "utf8" });
  expect(stderr).toBe("");
  return to;
}

describe("an image's archive", () => {
  it("is the same for the same files, and is an OCI layout", async () => {
    const [first, second] = [await image("example.local/app:1"), await image("example.local/app:1")];
    expect(second.digest).toBe(first.digest);
    const laid = extracted(first.out, join(folder, "laid"));
    const read = (path: string) =>
      JSON.parse(readFileSync(join(laid, path), "utf8")) as Record<string, unknown>;
    expect(read("oci-layout")).toEqual({ imageLayoutVersion: "1.0.0" });
    const [manifest] = read("index.json")["manifests"] as object[];
    expect(manifest).toMatchObject({
      digest: first.digest,
      annotations: {
        "io.containerd.image.name": "example.local/app:1",
        "org.opencontainers.image.ref.name": "1",
      },
    });
  });

  it("holds files with their modes, times and long names, links, and no link that leads nowhere", async () => {
    const blobs = mkdtempSync(join(folder, "blobs-"));
    const { blob } = await layer("test", tree("/opt/app", source), blobs);
    const app = join(extracted(blob, join(folder, "layer")), "opt", "app");
    expect(readdirSync(app).sort()).toEqual(["again", LONG, "run"]);
    expect(readFileSync(join(app, LONG, "inside.txt"), "utf8")).toBe("hello");
    expect(readlinkSync(join(app, "again"))).toBe("run");
    const { mode, size, mtimeMs } = statSync(join(app, "run"));
    expect({ mode: mode & 0o777, size, mtimeMs }).toEqual({
      mode: 0o755,
      size: 600,
      mtimeMs: 1_700_000_000_000,
    });
  });
});
