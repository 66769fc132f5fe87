import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { SlipwayError } from "../../src/http/errors.ts";
import { ensureBrowser } from "../../tools/browser.mjs";
import { scenes, type Scene } from "./fixtures/evidence.ts";
import { startFakePlatform, type FakePlatform } from "./fixtures/fake-platform.ts";

const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

let browser: Browser;
let shots: string;
let platform: FakePlatform;
/** Runs after each test, newest first. */
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const { path, env } = ensureBrowser();
  browser = await chromium.launch({
    executablePath: path,
    // Containers have no user namespaces for its own sandbox; it opens nothing but this test's pages.
    args: ["--no-sandbox"],
    env: { ...env, LANG: "en_US.UTF-8", TZ: "UTC" },
  });
  shots = await mkdtemp(join(tmpdir(), "slipway-console-shots-"));
});

afterAll(async () => {
  await browser?.close();
  await rm(shots, { recursive: true, force: true });
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function open(
  scene: Scene,
  options: { token?: string; path?: string; size?: typeof DESKTOP; colorScheme?: "light" | "dark" } = {},
): Promise<{ page: Page; problems: string[] }> {
  const { token, path = "/services/digits", size = DESKTOP, colorScheme = "light" } = options;
  platform = await startFakePlatform({ scene, ...(token === undefined ? {} : { token }) });
  ends.push(() => platform.close());
  const context = await browser.newContext({ viewport: size, colorScheme, locale: "en-US" });
  ends.push(() => context.close());
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
  });
  await page.goto(platform.url + path);
  return { page, problems };
}

const title = (page: Page) => page.locator(".headline h2");
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

describe("the page of a service", () => {
  it("says at one glance what is going on, and goes on by itself", async () => {
    const { page, problems } = await open(scenes.undecided(Date.now()));
    await title(page).getByText("Version 3 is on trial: 5 % of requests, undecided").waitFor();
    await page.getByText("Version 3 failed 13 of 1,204 requests").waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    await page.locator(".plot canvas").first().waitFor();

    platform.show(scenes.advanced(Date.now()));
    await title(page).getByText("Version 3 is on trial: 25 % of requests").waitFor();

    platform.show(scenes.takenOut(Date.now()));
    await title(page).getByText("Version 3 was taken out").waitFor();
    await page.getByText("taken out after 4.1 s, 31 bad answers").waitFor();
    await page.getByText("Version 2 serves all requests. Nothing needs to be done now.").waitFor();
    expect(await page.title()).toBe("digits: version 3 taken out");
    expect(problems).toEqual([]);
  });

  it("shows who left before the answer, a harm that no metric counts", async () => {
    const { page, problems } = await open(scenes.left(Date.now()));
    const card = page.getByRole("region", { name: "Callers who left" });
    await card.getByText("version 3: 21 of 130").waitFor();
    await card.getByText("version 2: 3 of 2,400").waitFor();
    await card.getByText("412 of 1,000 that take it out by itself").waitFor();
    expect(problems).toEqual([]);
  });

  it("rolls back with a reason, after saying what will happen", async () => {
    const { page, problems } = await open(scenes.undecided(Date.now()));
    await button(page, "Roll back version 3").click();
    const dialog = page.getByRole("dialog", { name: "Roll back version 3 of digits?" });
    await dialog
      .getByText("Version 3 gets no further request, at once; version 2 answers all requests")
      .waitFor();
    await dialog.getByLabel(/Reason/).fill("wrong units");
    await dialog.getByRole("button", { name: "Roll back version 3" }).click();
    await page.getByText("Roll back: asked for.").waitFor();
    expect(await dialog.count()).toBe(0);
    expect(platform.acts).toEqual([{ act: "rollback", reason: "wrong units", origin: platform.url }]);
    expect(problems).toEqual([]);
  });

  it("shows in the dialog why it was refused, and nothing is done when it is cancelled", async () => {
    const { page } = await open(scenes.undecided(Date.now()));
    platform.refuseWith = new SlipwayError("ROLLOUT_NOT_RUNNING", "no rollout of digits is running");
    await button(page, "Hold").click();
    await page.getByRole("dialog").getByRole("button", { name: "Hold" }).click();
    await page.getByRole("alert").getByText("no rollout of digits is running").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(platform.acts).toEqual([]);
  });

  it("lets nobody promote against the test without a reason", async () => {
    const { page } = await open(scenes.undecided(Date.now()));
    await button(page, "Promote version 3").click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("The test hasn't decided").waitFor();
    await dialog.getByRole("button", { name: "Promote version 3" }).click();
    expect(await dialog.isVisible()).toBe(true);
    await dialog.getByLabel("Reason").fill("compared by hand");
    await dialog.getByRole("button", { name: "Promote version 3" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(platform.acts).toMatchObject([{ act: "promote", reason: "compared by hand" }]);
  });

  it("can be used by keyboard, and says why a button can't be pressed", async () => {
    const { page, problems } = await open(scenes.undecided(Date.now()));
    const resume = button(page, "Resume");
    await resume.focus();
    await page.getByText("It isn't held").waitFor();
    expect(await resume.getAttribute("aria-disabled")).toBe("true");
    const description = await resume.getAttribute("aria-describedby");
    expect(await page.locator(`[id="${description}"]`).textContent()).toBe("It isn't held");
    await page.keyboard.press("Enter");
    expect(await page.getByRole("dialog").count()).toBe(0);

    await button(page, "Hold").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.type("holiday");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(platform.acts).toMatchObject([{ act: "hold", reason: "holiday" }]);
    expect(problems).toEqual([]);
  });

  it("says that the connection is lost and how old it is, and comes back by itself", async () => {
    const { page } = await open(scenes.undecided(Date.now()));
    await title(page).getByText("on trial").waitFor();
    await platform.goDown();
    await page.getByText("Connection lost.").waitFor();
    await page.getByText(/What you see is from \d\d:\d\d:\d\d, .+ old/).waitFor();
    expect(await title(page).textContent()).toContain("on trial");

    await platform.comeBack();
    platform.show(scenes.takenOut(Date.now()));
    await page.getByText("Connection lost.").waitFor({ state: "detached" });
    await title(page).getByText("Version 3 was taken out").waitFor();
  });

  it("shows a service before its first trial, and how to push one", async () => {
    const { page, problems } = await open(scenes.steady(Date.now()));
    await title(page).getByText("Version 1 serves all requests").waitFor();
    await page.getByText(`git remote add slipway ${platform.url}/git/digits.git`).waitFor();
    platform.show(scenes.undecided(Date.now()));
    await title(page).getByText("Version 3 is on trial").waitFor();
    expect(problems).toEqual([]);
  });

  it("says that a service doesn't exist", async () => {
    const { page } = await open(scenes.steady(Date.now()), { path: "/services/nobody" });
    await page.getByText("There is no service nobody yet").waitFor();
  });
});

describe("a platform with a token", () => {
  it("asks for it, refuses a wrong one, and streams with the right one", async () => {
    const { page } = await open(scenes.undecided(Date.now()), { token: "secret" });
    await page.getByLabel("Token").fill("wrong");
    await button(page, "Sign in").click();
    await page.getByRole("alert").getByText("these credentials aren't known").waitFor();
    await page.getByLabel("Token").fill("secret");
    await button(page, "Sign in").click();
    await title(page).getByText("Version 3 is on trial").waitFor();
    await page.reload();
    await title(page).getByText("Version 3 is on trial").waitFor();
    await button(page, "Roll back version 3").click();
    await page.getByRole("dialog").getByRole("button", { name: "Roll back version 3" }).click();
    await page.getByText("Roll back: asked for.").waitFor();
    expect(platform.acts).toMatchObject([{ act: "rollback" }]);
  });
});

it("a page of another origin can't press the buttons", async () => {
  const { page } = await open(scenes.undecided(Date.now()));
  const target = `${platform.url}/api/slipway/v1/services/digits/rollback`;
  const foreign = await page.context().newPage();
  await foreign.route("http://evil.test/", (route) =>
    route.fulfill({ contentType: "text/html", body: "evil" }),
  );
  await foreign.goto("http://evil.test/");
  await foreign.evaluate(
    `fetch("${target}", { method: "POST", mode: "no-cors", body: "{}" }).catch(() => null)`,
  );
  // What a browser says of such a page, to the very application.
  const refused = await fetch(target, { method: "POST", headers: { origin: "http://evil.test" } });
  expect(refused.status).toBe(403);
  expect(platform.acts).toEqual([]);
});

it("lists the services with their states", async () => {
  const { page, problems } = await open(scenes.undecided(Date.now()), { path: "/services" });
  await page.getByRole("link", { name: /digits/ }).click();
  await title(page).getByText("Version 3 is on trial").waitFor();
  expect(page.url()).toBe(`${platform.url}/services/digits`);
  await page.goBack();
  await page.getByRole("heading", { name: "Services" }).waitFor();
  expect(problems).toEqual([]);
});

describe.each([
  ["desktop", DESKTOP],
  ["phone", PHONE],
] as const)("at the width of a %s", (name, size) => {
  it.each(["light", "dark"] as const)("shows everything within it, %s", async (colorScheme) => {
    const { page, problems } = await open(scenes.shadow(Date.now()), { size, colorScheme });
    await page.locator(".plot canvas").first().waitFor();
    await page.screenshot({ path: join(shots, `${name}-${colorScheme}.png`), fullPage: true });
    const width = await page.evaluate<number>("document.documentElement.scrollWidth");
    expect(width).toBeLessThanOrEqual(size.width);
    const background = await page.evaluate<string>(
      "getComputedStyle(document.documentElement).backgroundColor",
    );
    const brightness = (background.match(/\d+/g) ?? [])
      .slice(0, 3)
      .reduce((sum, part) => sum + Number(part), 0);
    expect(brightness > 384).toBe(colorScheme === "light");
    expect(problems).toEqual([]);
  });
});
