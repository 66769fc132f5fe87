import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  eventually,
  newFolder,
  processesOf,
  removeFolder,
  startPlatform,
  type TestPlatform,
} from "./platform.ts";
import { table, TrialService } from "./verdict.ts";

const HEADER = "x-user-id";
const STICKY = `serving: { scale: { min: 1 }, sticky: { header: ${HEADER} } }
rollout:
  steps: [20, 50]
  metrics: [{ name: errors, worseBy: 8pp }]
`;
/** Enough to show at 20 % that the next step does little harm. */
const CALLERS = 160;

interface Units {
  champion: number;
  challenger: number;
}

describe.skipIf(process.platform !== "linux")("a service with sticky callers, with real processes", () => {
  const data = newFolder("verdict-sticky");
  let platform: TestPlatform;
  let service: TrialService;

  beforeAll(async () => {
    platform = await startPlatform(data);
    service = await TrialService.begin(platform, "prices", table(), STICKY);
  });
  afterAll(async () => {
    await platform.stop();
    removeFolder(data);
    service.removeWork();
  });

  /** Who called, and the version that answered last. */
  const versionOf = new Map<string, string>();

  async function call(caller: string): Promise<string> {
    const { status, variant } = await service.predict(undefined, { [HEADER]: caller });
    expect(status).toBe(200);
    return variant;
  }

  /** All call that often, eight at the same time, and each gets one version only. */
  async function callAll(callers: readonly string[], times: number): Promise<void> {
    const seen = new Map(callers.map((caller) => [caller, new Set<string>()]));
    const waiting = Array.from({ length: times }, () => callers).flat();
    const lane = async (): Promise<void> => {
      for (let caller = waiting.shift(); caller !== undefined; caller = waiting.shift())
        seen.get(caller)?.add(await call(caller));
    };
    await Promise.all(Array.from({ length: 8 }, lane));
    for (const [caller, variants] of seen) {
      expect([caller, variants.size]).toEqual([caller, 1]);
      for (const variant of variants) versionOf.set(caller, variant);
    }
  }

  const callersOf = (version: string): string[] =>
    [...versionOf].filter(([, its]) => its === version).map(([caller]) => caller);

  async function units(): Promise<Units> {
    const { metrics } = await service.evidence();
    const [errors] = metrics;
    return { champion: errors?.champion.units ?? 0, challenger: errors?.challenger.units ?? 0 };
  }

  /** Resolves when exactly these are counted, and fails as soon as there are more. */
  async function counted(expected: Units): Promise<void> {
    const sum = (of: Units): number => of.champion + of.challenger;
    const now = await eventually(
      `units ${JSON.stringify(expected)}`,
      async () => {
        const found = await units();
        return sum(found) >= sum(expected) ? found : undefined;
      },
      10_000,
    );
    expect(now).toEqual(expected);
  }

  /** A new caller's request is counted after all that came before: none of those is still on its way. */
  async function oneMore({ champion, challenger }: Units): Promise<Units> {
    const caller = `user-${versionOf.size}`;
    const version = await call(caller);
    versionOf.set(caller, version);
    const isChampions = version === "1";
    const after = {
      champion: champion + (isChampions ? 1 : 0),
      challenger: challenger + (isChampions ? 0 : 1),
    };
    await counted(after);
    return after;
  }

  test("each caller stays on its version and is one unit, and counts again at a step only when it was the champion's", async () => {
    await service.push(table({ size: 11 }), STICKY);
    await service.until("the trial", ({ weight }) => weight === 20);
    expect((await service.command("hold", "prices")).code).toBe(0);
    await service.until("held", ({ rollout }) => rollout?.state === "held");

    await callAll(
      Array.from({ length: CALLERS }, (_, i) => `user-${i}`),
      2,
    );
    const early = callersOf("2").length;
    expect(early).toBeGreaterThan(5);
    expect(early).toBeLessThan(CALLERS / 2);
    await counted({ champion: CALLERS - early, challenger: early });
    let total = await oneMore({ champion: CALLERS - early, challenger: early });

    // Serve loses its counters, and must not lose whom it has drawn.
    const serve = processesOf(data).find(({ role }) => role === "serve");
    process.kill(serve?.pid ?? Number.NaN, "SIGKILL");
    await eventually("another serve", async () => ((await call("user-0")) === "" ? undefined : true));
    const known = new Map(versionOf);
    await callAll([...known.keys()], 2);
    expect(versionOf).toEqual(known);
    total = await oneMore(total);

    expect((await service.command("resume", "prices")).code).toBe(0);
    await service.until("the step", ({ weight }) => weight === 50);
    expect((await service.command("hold", "prices")).code).toBe(0);
    const before = callersOf("2");
    const drawnAgain = callersOf("1").length;
    await callAll([...versionOf.keys()], 2);
    const later = callersOf("2");
    expect(later).toEqual(expect.arrayContaining(before));
    const moved = later.length - before.length;
    expect(moved).toBeGreaterThan(5);
    total = {
      champion: total.champion + drawnAgain - moved,
      challenger: total.challenger + moved,
    };
    await counted(total);
    await oneMore(total);
  });
});
