import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { git, newFolder, removeFolder, startPlatform, type TestPlatform } from "./platform.ts";
import { ADDER, modelProject, workTree } from "./projects.ts";
import { request, wire } from "./wire.ts";

const summand = (name: string) => ({ name, shape: [1, 2], datatype: "FP32", data: [1, 2] });
export const INFER = "POST /v2/models/adder/infer HTTP/1.1";
/** Body of a good request to the adder, and what its answer holds. */
export const SUMMANDS = JSON.stringify({ inputs: [summand("a"), summand("b")] });
export const SUM = '"data":[2,4]';
/** The whole request. */
export const PREDICTION = request(INFER, {}, SUMMANDS);

export interface AdderPlatform extends TestPlatform {
  /** Fails unless it still predicts and writes, and its processes logged no defect. */
  checkAndStop(): Promise<void>;
}

/** A platform whose service `adder` has its first champion. */
export async function startAdder(prefix: string, env: Record<string, string> = {}): Promise<AdderPlatform> {
  const data = newFolder(prefix);
  const platform = await startPlatform(data, 0, env);
  const work = await workTree(modelProject("adder", ADDER));
  const pushed = await git(work, "push", `${platform.gitUrl}/adder.git`, "HEAD:main");
  expect(pushed.output).toContain("first champion");
  removeFolder(work);
  return {
    ...platform,
    async checkAndStop() {
      const { text } = await wire(platform.url, [PREDICTION]);
      const created = await fetch(`${platform.url}/api/2.0/mlflow/runs/create`, {
        method: "POST",
        body: "{}",
      });
      const code = await platform.stop();
      const folder = join(data, "logs");
      const logs = readdirSync(folder, { recursive: true })
        .map((name) => join(folder, String(name)))
        .filter((path) => statSync(path).isFile())
        .map((path) => readFileSync(path, "utf8"));
      removeFolder(data);
      expect(text).toContain(SUM);
      expect(created.status).toBe(200);
      expect(logs.join("\n")).not.toMatch(/\n {4}at /);
      expect(code).toBe(0);
    },
  };
}
