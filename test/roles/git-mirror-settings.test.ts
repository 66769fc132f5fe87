import { describe, expect, it } from "vitest";
import { mirrorSettings } from "../../src/roles/cluster/mirror-settings.ts";
import { gitMirrorSettings } from "../../src/roles/git-mirror-settings.ts";
import { readS3Config } from "../../src/store/s3/config.ts";

const env = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret" };
const endpoint = "http://127.0.0.1:9000";
const s3 = readS3Config("s3://models/artifacts", { endpoint });
const artifacts = { folder: "/srv/artifacts" };
const inS3 = (destination: string) => ({ gitMirror: { destination, endpoint, isProxied: false } });

describe("the place of the mirror", () => {
  it("is none, a folder, or a store that is reached as the artifacts' is", () => {
    expect(gitMirrorSettings(env, {}, artifacts)).toBeUndefined();
    expect(gitMirrorSettings(env, { gitMirror: "/srv/git" }, artifacts)).toEqual({
      settings: { folder: "/srv/git" },
      secrets: {},
    });
    expect(gitMirrorSettings(env, inS3("s3://models/git"), { ...artifacts, s3 })).toMatchObject({
      settings: { s3: { bucket: "models", prefix: "git", endpoint } },
      secrets: { s3: { kind: "given" } },
    });
  });

  it.each(["s3://models/artifacts", "s3://models/artifacts/git", "s3://models"])(
    "isn't where callers reach: %s",
    (place) => {
      expect(() => gitMirrorSettings(env, inS3(place), { ...artifacts, s3 })).toThrow("places of their own");
    },
  );

  it.each(["/srv/artifacts", "/srv/artifacts/git", "/srv"])("isn't where callers reach: %s", (gitMirror) => {
    expect(() => gitMirrorSettings(env, { gitMirror }, artifacts)).toThrow("places of their own");
  });

  it("is beside the artifacts in a cluster, unless a variable says where", () => {
    const how = { destination: "s3://models/artifacts", endpoint, isProxied: false };
    expect(mirrorSettings(env, { ...artifacts, s3, how }).settings).toMatchObject({
      s3: { bucket: "models", prefix: "git", endpoint },
    });
    const named = { ...env, SLIPWAY_GIT_MIRROR: "/mnt/git" };
    expect(mirrorSettings(named, { ...artifacts, s3, how }).settings).toEqual({ folder: "/mnt/git" });
    expect(() => mirrorSettings(env, artifacts)).toThrow("SLIPWAY_GIT_MIRROR isn't set");
  });
});
