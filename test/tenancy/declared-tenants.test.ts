import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import { readDeclaredTenants } from "../../src/roles/declared-tenants.ts";
import { keepDeclared } from "../../src/tenancy/declared-tenants.ts";
import { temporaryFolder } from "../store/support.ts";
import { startTenancy, type TenancyPlatform } from "./platform.ts";

let platform: TenancyPlatform;
let folder: { path: string; dispose(): Promise<void> };
let stop: AbortController;
let said: unknown[];
beforeEach(async () => {
  platform = await startTenancy();
  folder = await temporaryFolder();
  stop = new AbortController();
  said = [];
});
afterEach(async () => {
  stop.abort();
  await platform.close();
  await folder.dispose();
});

const file = (): string => join(folder.path, "platform.json");
const write = (tenants: object[]): Promise<void> =>
  writeFile(file(), JSON.stringify({ name: "small", domain: "ml.example.com", tenants }));

/** Looks so many times, with what `between` does before each look but the first. */
async function look(times: number, between: (look: number) => Promise<void> = async () => undefined) {
  let looks = 0;
  const clock: Clock = {
    now: () => 1_000,
    async sleep() {
      looks++;
      if (looks >= times) stop.abort();
      else await between(looks);
    },
  };
  const read = () => readDeclaredTenants(file());
  await keepDeclared({ db: platform.db, clock, read, log: (error) => void said.push(error) }, stop.signal);
}

async function tenants(): Promise<string[]> {
  const { body } = await platform.ask("GET", "/api/slipway/v1/tenants");
  const found = (body as { tenants: { name: string; description: string | null }[] }).tenants;
  return found.map(({ name, description }) => `${name}: ${description}`);
}

test("makes the tenants of the platform's file, and those that come later", async () => {
  await write([{ name: "team-a", description: "Fraud.", people: {}, services: [] }]);
  await look(2, () => write([{ name: "team-a" }, { name: "team-b" }]));
  expect(await tenants()).toEqual(["default: null", "team-a: Fraud.", "team-b: null"]);
  expect(said).toEqual([]);
});

test("takes none away, and lets stand what people have changed", async () => {
  await write([{ name: "team-a", description: "Fraud." }]);
  await look(2, async () => {
    await platform.ask("PATCH", "/api/slipway/v1/tenants/team-a", { body: { description: "Cards." } });
    await write([]);
  });
  expect(await tenants()).toEqual(["default: null", "team-a: Cards."]);
});

test("says what is wrong with the file, makes nothing of it, and looks again", async () => {
  await write([{ name: "team-a" }, { name: "Team B" }]);
  await look(2, async () => {
    expect(await tenants()).toEqual(["default: null"]);
    await write([{ name: "team-a" }]);
  });
  expect(said).toMatchObject([{ code: "TENANT_NAME_INVALID" }]);
  expect(await tenants()).toEqual(["default: null", "team-a: null"]);
});
