import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureBrowser } from "../../tools/browser.mjs";
import { newFolder, removeFolder, startPlatform, type TestPlatform } from "./platform.ts";
import { environmentLog, hasEnded, table, TrialService } from "./verdict.ts";

const ROLLOUT = `serving: { scale: { min: 1 } }
rollout:
  shadow: { share: 100, for: 2s }
  steps: [20]
  metrics: [{ name: errors, worseBy: 0.01pp }]
`;

describe("the page of a service, over a real rollout in a real browser", () => {
  const data = newFolder("verdict-page");
  let platform: TestPlatform;
  let service: TrialService;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    const { path, env } = ensureBrowser();
    browser = await chromium.launch({
      executablePath: path,
      // Containers have no user namespaces for its own sandbox; it opens nothing but this test's page.
      args: ["--no-sandbox"],
      env: { ...env, LANG: "en_US.UTF-8", TZ: "UTC" },
    });
    platform = await startPlatform(data);
    service = await TrialService.begin(platform, "scores", table());
    const context = await browser.newContext({ locale: "en-US" });
    context.setDefaultTimeout(20_000);
    page = await context.newPage();
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
    });
  });
  afterAll(async () => {
    await browser?.close();
    await platform.stop();
    removeFolder(data);
    service.removeWork();
  });

  const title = () => page.locator(".headline h2");

  test("follows a trial, and a person who presses Roll back ends it with a reason", async () => {
    await page.goto(`${platform.url}/services/scores`);
    await title().getByText("Version 1").waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    const pushed = service.push(table({ step: 11 }), ROLLOUT);
    const read = async (): Promise<void> => {
      await title().getByText("Version 2 gets copies of requests").waitFor();
      await title().getByText("Version 2 is on trial: 20 % of requests, undecided").waitFor();
      await page
        .getByText(/Version 2 failed 0 of [\d,]+ requests/)
        .first()
        .waitFor();
      const first = await page
        .getByText(/Version 2 failed 0 of [\d,]+ requests/)
        .first()
        .textContent();
      await page.getByText(first ?? "", { exact: true }).waitFor({ state: "detached" });
      await page.locator(".plot canvas").first().waitFor();
      await page.getByRole("button", { name: "Roll back version 2", exact: true }).click();
      const dialog = page.getByRole("dialog", { name: "Roll back version 2 of scores?" });
      await dialog.getByLabel(/Reason/).fill("wrong units, says ada");
      await dialog.getByRole("button", { name: "Roll back version 2" }).click();
      await title().getByText("Version 2 was taken out").waitFor();
    };
    let isRead = false;
    const reading = read().finally(() => (isRead = true));
    const { now } = await service.drive("the reader's end", (view) => isRead && hasEnded(view));
    await reading;
    await pushed;
    expect(now).toMatchObject({ champion: { version: 1 }, weight: 0, rollout: { state: "rolledback" } });
    await page.getByText("Version 1 serves all requests. Nothing needs to be done now.").waitFor();
    await page
      .getByText(/wrong units, says ada/)
      .first()
      .waitFor();
    const commit = (await environmentLog(platform, "%B")).at(-1) ?? "";
    expect(commit).toMatch(/^scores: roll back version 2\n/);
    expect(commit).toContain("wrong units, says ada");
    expect(problems).toEqual([]);
  });
});
