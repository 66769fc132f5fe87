import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sourcePattern } from "../../src/registry/source-pattern.ts";
import { startPlatform, type TestPlatform } from "../tracking/platform.ts";

const NAME = "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX";

let platform: TestPlatform;
beforeAll(async () => void (platform = await startPlatform({ sourcePattern: /^s3:\/\/trusted\// })));
afterAll(() => platform.close());

describe("the pattern of sources", () => {
  it("is read from MLflow's variable, and refused when it can't be", () => {
    expect(sourcePattern({})).toBeUndefined();
    expect(sourcePattern({ [NAME]: "" })).toBeUndefined();
    expect(sourcePattern({ [NAME]: "^s3://" })).toBe("^s3://");
    expect(() => sourcePattern({ [NAME]: "(" })).toThrow("no regular expression");
  });

  it("holds for what clients register", async () => {
    await platform.call("POST", "registered-models/create", { name: "m" });
    const create = (source: string, status: number) =>
      platform.call("POST", "model-versions/create", { name: "m", source }, status);
    await create("s3://trusted/model", 200);
    expect(await create("s3://other/model", 400)).toMatchObject({
      message: "Invalid model version source: 's3://other/model'.",
    });
  });
});
