import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { platformFiles } from "../cluster/support/platforms.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const kept = join(root, "examples", "platforms", "charts");

it("the examples' charts are what their sources make today", () => {
  const folder = mkdtempSync(join(tmpdir(), "slipway-charts-test-"));
  try {
    const files = platformFiles().map(({ path, name }) => {
      const copy = join(folder, `${name}.yaml`);
      copyFileSync(path, copy);
      return copy;
    });
    const { status, stdout, stderr } = spawnSync(process.execPath, ["tools/charts.mjs", ...files], {
      cwd: root,
      encoding: "utf8",
    });
    expect(status, `${stdout}${stderr}`).toBe(0);
    const made = join(folder, "charts");
    expect(readdirSync(made)).toEqual(readdirSync(kept));
    for (const name of readdirSync(kept))
      expect(readFileSync(join(made, name), "utf8") === readFileSync(join(kept, name), "utf8"), name).toBe(
        true,
      );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
