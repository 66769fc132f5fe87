import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { digestOf } from "../../src/http/credentials.ts";
import { SlipwayError } from "../../src/http/errors.ts";
import { CallerBook } from "../../src/serving/router/caller-book.ts";

let folder: string;
let path: string;
let now = 1_000;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-book-"));
  path = join(folder, "tokens.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (isOpen = false) =>
  new CallerBook({
    path,
    platformSha256: isOpen ? null : digestOf("slipway_platform"),
    stepSha256: digestOf("slipway_step"),
    now: () => now,
  });
const token = (id: string, expiresAt: number | null = null) => ({
  id,
  sha256: digestOf(`slipway_${id}`),
  tenants: ["default"],
  expiresAt,
});
/** The code by which it is refused; null: it isn't. */
function refusal(book: CallerBook, authorization: string | undefined): string | null {
  const answer = book.reach(authorization === undefined ? {} : { authorization });
  return answer instanceof SlipwayError ? answer.code : null;
}
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

it.each([
  ["the platform's token", "Bearer slipway_platform", null],
  ["a step's", "Bearer slipway_step", null],
  ["a listed one", "Bearer slipway_a", null],
  ["a listed one as password", basic("anyone:slipway_a"), null],
  ["one that has ended", "Bearer slipway_old", "CREDENTIALS_REFUSED"],
  ["one that isn't listed", "Bearer slipway_b", "CREDENTIALS_REFUSED"],
  ["a digest instead of its token", `Bearer ${digestOf("slipway_a")}`, "CREDENTIALS_REFUSED"],
  ["a person's password", basic("ana:correct horse"), "CREDENTIALS_REFUSED"],
  ["nonsense", "Bearer", "CREDENTIALS_REFUSED"],
  ["nothing", undefined, "TOKEN_REQUIRED"],
])("answers %s", async (_, authorization, code) => {
  const book = open();
  await book.replace({ tokens: [token("a"), token("old", now)] });
  expect(refusal(book, authorization)).toBe(code);
});

it("where nobody needs a token takes everything but a wrong one of ours", () => {
  const book = open(true);
  for (const authorization of [undefined, "Bearer of-another-system", basic("a:b"), "nonsense"])
    expect(refusal(book, authorization)).toBeNull();
  expect(refusal(book, "Bearer slipway_wrong")).toBe("CREDENTIALS_REFUSED");
});

it("goes on with the last list after a restart without control, and ends tokens by itself", async () => {
  await open().replace({ tokens: [token("a"), token("soon", now + 10)] });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, "utf8")).not.toContain("slipway_");
  const book = open();
  const refused = (id: string) => refusal(book, `Bearer slipway_${id}`) !== null;
  expect([refused("a"), refused("soon")]).toEqual([false, false]);
  now += 10;
  expect([refused("a"), refused("soon")]).toEqual([false, true]);
});

it("lets nobody in by a list that can't be read", () => {
  writeFileSync(path, "{");
  expect(refusal(open(), "Bearer slipway_a")).toBe("CREDENTIALS_REFUSED");
});

it("tells once who has asked", async () => {
  const book = open();
  const tokens = [token("a"), token("b")];
  await book.replace({ tokens });
  for (let ask = 0; ask < 3; ask++) book.reach({ authorization: "Bearer slipway_a" });
  expect(await book.replace({ tokens })).toEqual(["a"]);
  expect(await book.replace({ tokens })).toEqual([]);
});

it("says whose services a token may ask", async () => {
  const book = open();
  const of = (id: string, tenants: string[] | null) => ({ ...token(id), tenants });
  await book.replace({ tokens: [of("a", ["team-a"]), of("root", null), token("d")] });
  const covers = (id: string, tenant: string) => {
    const reach = book.reach({ authorization: `Bearer slipway_${id}` });
    return !(reach instanceof SlipwayError) && reach.covers(tenant === "default" ? {} : { tenant });
  };
  const who = ["a", "root", "d", "step", "platform"];
  expect(who.filter((id) => covers(id, "team-a"))).toEqual(["a", "root", "platform"]);
  expect(who.filter((id) => covers(id, "default"))).toEqual(["root", "d", "step", "platform"]);
  // What an earlier version wrote is about the default tenant alone.
  writeFileSync(path, JSON.stringify({ format: 1, tokens: [{ ...token("a"), tenants: undefined }] }));
  const reach = open().reach({ authorization: "Bearer slipway_a" });
  expect(reach).not.toBeInstanceOf(SlipwayError);
  expect(!(reach instanceof SlipwayError) && reach.covers({ tenant: "team-a" })).toBe(false);
});
