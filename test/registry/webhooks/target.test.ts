import { lookup as systemLookup } from "node:dns/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isPublicAddress } from "../../../src/registry/webhooks/address.ts";
import { createSecretBox } from "../../../src/registry/webhooks/secrets.ts";
import { createPost } from "../../../src/registry/webhooks/send.ts";
import { webhookSettings } from "../../../src/registry/webhooks/settings.ts";
import { checkTarget, parseTarget } from "../../../src/registry/webhooks/target.ts";
import { startReceiver, type Receiver } from "./receiver.ts";

const rules = { schemes: ["http", "https"], allowPrivate: false };

describe("public addresses", () => {
  it.each(["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])(
    "%s is one",
    (ip) => expect(isPublicAddress(ip)).toBe(true),
  );

  it.each([
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2001::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "::127.0.0.1",
    "64:ff9b:1::1",
    "fe80::1%eth0",
    "localhost",
    "",
  ])("%j is none", (ip) => expect(isPublicAddress(ip)).toBe(false));
});

describe("the URL of a webhook", () => {
  it.each([
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "http://１２７.0.0.1/",
  ])("may not be %s", (url) => expect(() => parseTarget(url, rules)).toThrow(/non-public/));

  it("may not name a host that leads into the private network", async () => {
    const resolve = async () => [
      { address: "8.8.8.8", family: 4 },
      { address: "10.0.0.1", family: 4 },
    ];
    await expect(checkTarget(new URL("http://mixed.test/"), rules, resolve)).rejects.toThrow(/non-public/);
  });
});

describe("sending", () => {
  let receiver: Receiver;
  beforeAll(async () => void (receiver = await startReceiver()));
  afterAll(() => receiver.close());
  const settings = { ...rules, timeoutMs: 2000 };

  it("asks for the address once and connects to that one, so that no second answer can differ", async () => {
    let asked = 0;
    const resolve = async () => {
      asked++;
      return [{ address: asked === 1 ? "127.0.0.1" : "127.0.0.2", family: 4 }];
    };
    const post = createPost({ settings: { ...settings, allowPrivate: true }, resolve });
    const answer = await post(new URL(`http://rebind.test:${receiver.port}/pinned`), {}, "{}");
    expect([answer.status, asked]).toEqual([200, 1]);
    expect(receiver.received.at(-1)?.headers.host).toBe(`rebind.test:${receiver.port}`);
  });

  it.each(["127.0.0.1", "::1", "10.0.0.1"])(
    "connects to nobody when the name leads to %s by then",
    async (address) => {
      const post = createPost({
        settings,
        resolve: async () => [{ address, family: address === "::1" ? 6 : 4 }],
      });
      const before = receiver.received.length;
      const url = new URL(`http://rebind.test:${receiver.port}/private`);
      await expect(post(url, {}, "{}")).rejects.toMatchObject({ code: "WEBHOOK_ADDRESS_REFUSED" });
      await expect(post(new URL(receiver.url), {}, "{}")).rejects.toMatchObject({
        code: "WEBHOOK_ADDRESS_REFUSED",
      });
      expect(receiver.received.length).toBe(before);
    },
  );

  it("takes no more of an answer than it needs", async () => {
    receiver.reply("/large", () => ({ status: 200, body: "x".repeat(5_000_000) }));
    const resolve = (host: string) => systemLookup(host, { all: true });
    const post = createPost({ settings: { ...settings, allowPrivate: true }, resolve });
    const { body } = await post(new URL(`${receiver.url}/large`), {}, "{}");
    expect(body.length).toBe(16 * 1024);
  });
});

describe("settings", () => {
  it("are MLflow's environment variables, with its defaults", () => {
    expect(webhookSettings({})).toEqual({
      schemes: ["https"],
      allowPrivate: false,
      timeoutMs: 30_000,
      maxRetries: 3,
      workers: 10,
    });
    expect(
      webhookSettings({
        MLFLOW_WEBHOOK_ALLOWED_SCHEMES: "http, https",
        MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS: "true",
        MLFLOW_WEBHOOK_REQUEST_TIMEOUT: "5",
        MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES: "0",
      }),
    ).toMatchObject({ schemes: ["http", "https"], allowPrivate: true, timeoutMs: 5000, maxRetries: 0 });
  });

  it.each([
    { MLFLOW_WEBHOOK_ALLOWED_SCHEMES: "ftp" },
    { MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS: "maybe" },
    { MLFLOW_WEBHOOK_REQUEST_TIMEOUT: "-1" },
    { MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES: "many" },
  ])("refuse %j", (env) => expect(() => webhookSettings(env)).toThrow(/wrong value/));
});

describe("secrets", () => {
  const key = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

  it("open what Fernet sealed with the same key", () => {
    // The generation vector of the Fernet specification.
    const token =
      "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
    expect(createSecretBox(key).open(token)).toBe("hello");
  });

  it("come back, and not with another key or after a change", () => {
    const box = createSecretBox(key);
    const sealed = box.seal("ünïcode secret");
    expect(box.open(sealed)).toBe("ünïcode secret");
    const other = createSecretBox(`${"A".repeat(43)}=`);
    expect(() => other.open(sealed)).toThrow(/can't be read/);
    expect(() => box.open(`${sealed.slice(0, 40)}AAAA${sealed.slice(44)}`)).toThrow(/can't be read/);
    expect(() => createSecretBox("short")).toThrow(/wrong form/);
  });
});
