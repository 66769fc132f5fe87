import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Credentials } from "../../../../src/targets/kubernetes/cluster/credentials.ts";
import { readKubeconfig } from "../../../../src/targets/kubernetes/cluster/kubeconfig.ts";

let folder = "";
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "slipway-kubeconfig-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const base64 = (text: string) => Buffer.from(text).toString("base64");
const configOf = (user: unknown, cluster: object = {}) => ({
  "current-context": "one",
  contexts: [{ name: "one", context: { cluster: "c", user: "u" } }],
  clusters: [{ name: "c", cluster: { server: "https://k.example:6443", ...cluster } }],
  users: [{ name: "u", user }],
});
const choose = (env: Record<string, string> = {}) => ({ env: { HOME: folder, ...env }, cwd: folder });
const clock = { now: () => 1_000_000, sleep: async () => {} };

test("reads certificates from data and from files beside it", () => {
  file("ca.pem", "CA");
  const user = { "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") };
  const path = file("config", configOf(user, { "certificate-authority": "ca.pem" }));
  expect(readKubeconfig({ ...choose(), kubeconfig: path })).toMatchObject({
    context: "one",
    tls: { ca: "CA", isInsecure: false },
    user: { cert: "CERT", key: "KEY" },
  });
});

test("looks in all files that KUBECONFIG names, the first one counting", () => {
  const first = file("first", { ...configOf({ token: "first" }), "current-context": "" });
  const second = file("second", configOf({ token: "second" }));
  const env = { KUBECONFIG: [first, second, join(folder, "absent")].join(delimiter) };
  expect(readKubeconfig(choose(env))).toMatchObject({ user: { token: "first" } });
});

test("an unknown context lists those that there are", () => {
  const kubeconfig = file("contexts", configOf({ token: "t" }));
  expect(() => readKubeconfig({ ...choose(), kubeconfig, context: "two" })).toThrow(
    expect.objectContaining({
      code: "CLUSTER_CONTEXT_UNKNOWN",
      facts: expect.objectContaining({ allowed: "one" }),
    }) as Error,
  );
});

test.each([
  ["absent", undefined, "CLUSTER_CONFIG_MISSING"],
  ["broken", ": : :", "CLUSTER_CONFIG_INVALID"],
  ["no-server", configOf({}, { server: "not an address" }), "CLUSTER_CONFIG_INVALID"],
  ["wrong-form", { contexts: 3 }, "CLUSTER_CONFIG_INVALID"],
  ["provider", configOf({ "auth-provider": { name: "gcp" } }), "CLUSTER_CONFIG_INVALID"],
  ["proxy", configOf({}, { "proxy-url": "http://proxy" }), "CLUSTER_CONFIG_INVALID"],
])("a kubeconfig that is %s is refused", (name, content, code) => {
  const kubeconfig = content === undefined ? join(folder, name) : file(name, content);
  expect(() => readKubeconfig({ ...choose(), kubeconfig })).toThrow(
    expect.objectContaining({ code }) as Error,
  );
});

test("without any file there is no cluster", () => {
  expect(() => readKubeconfig({ env: { HOME: join(folder, "nobody") }, cwd: folder })).toThrow(
    expect.objectContaining({ code: "CLUSTER_CONFIG_MISSING" }) as Error,
  );
});

test("a plug-in gives a token, which is kept until shortly before its end", async () => {
  const count = join(folder, "count");
  const plugin = file(
    "plugin",
    `#!/bin/sh\necho run >> ${count}\necho '{"status":{"token":"from-plugin","expirationTimestamp":"1970-01-01T01:00:00Z"}}'\n`,
  );
  chmodSync(plugin, 0o755);
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "./plugin" };
  const access = readKubeconfig({ ...choose(), kubeconfig: file("exec", configOf({ exec })) });
  const credentials = new Credentials(access, { clock, env: { PATH: process.env["PATH"] } });
  expect(await credentials.proof()).toEqual({ authorization: "Bearer from-plugin" });
  expect(await credentials.proof()).toEqual({ authorization: "Bearer from-plugin" });
  expect((await import("node:fs")).readFileSync(count, "utf8")).toBe("run\n");
});

test("a plug-in that isn't installed says how to get it", async () => {
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "slipway-no-such-plugin",
    installHint: "Install it.",
  };
  const access = readKubeconfig({ ...choose(), kubeconfig: file("absent-plugin", configOf({ exec })) });
  const credentials = new Credentials(access, { clock, env: {} });
  await expect(credentials.proof()).rejects.toMatchObject({
    code: "CLUSTER_UNAUTHORIZED",
    hint: "Install it.",
  });
});
