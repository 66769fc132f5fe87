import { afterEach, describe, expect, test } from "vitest";
import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import { sparkline } from "../../src/cli/sparkline.ts";
import { fakePlatform, json } from "./fake-platform.ts";
import type { Answer, FakePlatform } from "./fake-platform.ts";
import { run } from "./run.ts";
import type { Around, Ran } from "./run.ts";

let platform: FakePlatform | undefined;
afterEach(async () => {
  await platform?.close();
  platform = undefined;
});

async function against(routes: Record<string, Answer>, argv: string[], around: Around = {}): Promise<Ran> {
  platform = await fakePlatform(routes);
  return run(argv, { ...around, env: { SLIPWAY_URL: platform.url } });
}

const NOW = 1_700_000_000_000;
const metrics = (harm: number, safety: number): RolloutEvidence["history"][number]["metrics"] => ({
  errors: { harm, safety, champion: { units: 0, loss: 0 }, challenger: { units: 0, loss: 0 } },
});

function evidence(changes: Partial<RolloutEvidence["rollout"]> = {}): RolloutEvidence {
  return {
    service: "digits",
    at: NOW,
    rollout: {
      id: "ro-3",
      kind: "canary",
      version: 3,
      champion: 2,
      state: "progressing",
      reason: null,
      sentence: "version 3 gets 25 % of digits' requests",
      requestedBy: "ada",
      isShadow: false,
      step: 1,
      steps: [5, 25, 50],
      share: 25,
      createdAt: NOW - 600_000,
      progressingAt: NOW - 590_000,
      deadlineAt: NOW + 3_600_000,
      phaseEndsAt: null,
      endedAt: null,
      continues: null,
      ...changes,
    },
    compares: true,
    verdict: "undecided",
    sentence: "version 3 failed 7 of 310 requests, version 2 2 of 2,890, 7 bad answers",
    badAnswers: 7,
    harm: 31.4,
    harmThreshold: 100,
    safetyThreshold: 20,
    falseRollbackRate: 0.01,
    falsePromotionRate: 0.05,
    guard: null,
    metrics: [
      {
        metric: "errors",
        kind: "errors",
        verdict: "undecided",
        champion: { units: 2890, loss: 2 },
        challenger: { units: 310, loss: 7 },
        harm: 31.4,
        safety: 0.0002,
        advance: 0.1,
        margin: "0.5pp",
        championRate: { rate: 0.00069, low: 0.0002, high: 0.0025 },
        challengerRate: { rate: 0.0226, low: 0.011, high: 0.0459 },
      },
    ],
    latency: { champion: { p50: 3.1, p95: 8.4, p99: 120.2 }, challenger: null },
    history: [0.5, 1, 3, 10, 31.4].map((harm, i) => ({
      at: NOW - 50_000 + i * 10_000,
      share: 25,
      harm,
      metrics: metrics(harm, 1 / harm),
      p95: { champion: 8, challenger: null },
    })),
    change: ["4 more failed requests of version 3 with none of version 2 take it out"],
    outlook: ["at 20 requests/s an equal version is promoted in about 9 min"],
    notes: [],
    shadow: {
      compared: 1200,
      differed: 3,
      dropped: 0,
      examples: [{ requestId: "r\u001b[2J1", at: NOW, champion: [1], challenger: ["x"] }],
    },
    actions: [],
  };
}

const commits = [{ commit: "0123456789abcdef", at: NOW - 590_000, subject: "digits: version 3 gets 5 %" }];
const detail = { "GET /rollouts/ro-3": json(200, { commits }) };

/** Server-sent events, in pieces that don't end where events do; then open until the caller leaves, or ended. */
function events(list: readonly RolloutEvidence[], ending: "open" | "ended" = "open"): Answer {
  return (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const text = list.map((one) => `: here\n\nevent: evidence\ndata: ${JSON.stringify(one)}\n\n`).join("");
    for (let at = 0; at < text.length; at += 700) response.write(text.slice(at, at + 700));
    if (ending === "ended") response.end();
  };
}

describe("rollout show", () => {
  test("is one screen with what is known, why, and what comes next", async () => {
    const { code, out } = await against(
      { "GET /services/digits/evidence": json(200, evidence()), ...detail },
      ["rollout", "show", "digits"],
    );
    expect(code).toBe(0);
    expect(out).toBe(`digits: version 3 against version 2: progressing, 25 % (step 2 of 3)
  rollout ro-3, begun 10 min ago, deadline in 60 min
  version 3 failed 7 of 310 requests, version 2 2 of 2,890, 7 bad answers

METRIC  CHAMPION            CHALLENGER          MARGIN  HARM    SAFETY     VERDICT
errors  0.07 % (0.02-0.25)  2.26 % (1.10-4.59)  0.5pp   31/100  2.0e-4/20  undecided
latency p50/p95/p99: champion 3.1/8.4/120 ms, challenger -

evidence over time (log):
  of harm    ▃▄▅▆▇  31, taken out at 100
  of safety  ▅▅▄▃▂  2.0e-4, within at 20

what would change it:
  - 4 more failed requests of version 3 with none of version 2 take it out

outlook:
  - at 20 requests/s an equal version is promoted in about 9 min

copies: 1200 compared, 3 answered otherwise (0.25 %), 0 not sent
  r1: champion [1], challenger ["x"]

commits (environment.git):
  01234567  10 min ago  digits: version 3 gets 5 %
`);
  });

  test("says when the copies or the watch end", async () => {
    const phase = { phaseEndsAt: NOW + 90_000, deadlineAt: null };
    for (const [change, expected] of [
      [
        { ...phase, isShadow: true, share: 0 },
        "copies only\n  rollout ro-3, begun 10 min ago, copies end in 90 s\n",
      ],
      [
        { ...phase, kind: "blue-green", share: 100 },
        "blue-green, 100 %\n  rollout ro-3, begun 10 min ago, watch ends in 90 s\n",
      ],
    ] as const) {
      const routes = { "GET /services/digits/evidence": json(200, evidence(change)), ...detail };
      expect((await against(routes, ["rollout", "show", "digits"])).out).toContain(expected);
      await platform?.close();
    }
  });

  test("of an earlier platform says what is told, and no number that isn't", async () => {
    const { compares: _, outlook: _outlook, rollout, metrics, ...rest } = evidence();
    const { phaseEndsAt: _ends, deadlineAt: _deadline, ...known } = rollout;
    const older = {
      ...rest,
      rollout: known,
      metrics: metrics.map(({ safety: _safety, ...metric }) => metric),
    };
    const routes = { "GET /services/digits/evidence": json(200, older), ...detail };
    const { code, out } = await against(routes, ["rollout", "show", "digits"]);
    expect(code).toBe(0);
    expect(out).toContain("rollout ro-3, begun 10 min ago\n");
    expect(out).toMatch(/31\/100 +-\/20/);
    expect(out).not.toMatch(/NaN|undefined/);
  });

  test("in two hours is not in 119 minutes", async () => {
    const routes = {
      "GET /services/digits/evidence": json(200, evidence({ deadlineAt: NOW + 7_190_000 })),
      ...detail,
    };
    expect((await against(routes, ["rollout", "show", "digits"])).out).toContain("deadline in 2 h\n");
  });

  test("shows no table of nothing for one that was never compared", async () => {
    const first = { ...evidence({ state: "promoted", champion: null, endedAt: NOW }), history: [] };
    const routes = { "GET /services/digits/evidence": json(200, first), ...detail };
    const { out } = await against(routes, ["rollout", "show", "digits"]);
    expect(out).toContain("it was never compared with another version");
    expect(out).not.toMatch(/METRIC|undecided/);
  });

  test("of a switch says that nothing is compared", async () => {
    const switched = { ...evidence({ kind: "blue-green", steps: [], share: 100 }), compares: false };
    const routes = { "GET /services/digits/evidence": json(200, switched), ...detail };
    const { out } = await against(routes, ["rollout", "show", "digits"]);
    expect(out).toContain("there is none to compare it with, only the guard watches");
    expect(out).not.toMatch(/METRIC|evidence over time/);
  });

  test("fits a narrow terminal, and prints JSON with the commits", async () => {
    const routes = { "GET /services/digits/evidence": json(200, evidence()), ...detail };
    const narrow = await against(routes, ["rollout", "show", "digits"], { columns: 72 });
    const tooLong = narrow.out.split("\n").filter((line) => line.length > 72);
    expect(tooLong).toEqual([]);
    await platform?.close();
    const { out } = await against(routes, ["rollout", "show", "digits", "--json"]);
    expect(JSON.parse(out)).toEqual({ ...evidence(), commits });
  });

  test("says so when there is no such service", async () => {
    expect((await against({}, ["rollout", "show", "digits"])).code).toBe(5);
  });
});

describe("rollout show --watch", () => {
  const ended = { endedAt: NOW, share: 0 };
  test.each([
    ["promoted", 0],
    ["rolledback", 6],
    ["superseded", 6],
  ] as const)("follows to the end: %s is exit code %i", async (state, code) => {
    const seen = await against(
      {
        "GET /services/digits/evidence/stream": events([
          evidence({ share: 5, step: 0 }),
          evidence({ share: 5, step: 0 }),
          evidence(),
          evidence({ state, ...ended }),
        ]),
        ...detail,
      },
      ["rollout", "show", "digits", "--watch"],
    );
    expect(seen.code).toBe(code);
    const [first, second, third] = seen.out.split("\n");
    expect([first, second]).toEqual([
      "version 3 progressing, 5 %: undecided",
      "version 3 progressing, 25 %: undecided",
    ]);
    expect(third).toContain(`digits: version 3 against version 2: ${state}`);
  });

  test("redraws for a person, and prints lines of JSON for a program", async () => {
    const routes = {
      "GET /services/digits/evidence/stream": events([evidence(), evidence({ state: "promoted", ...ended })]),
      ...detail,
    };
    const argv = ["rollout", "show", "digits", "--watch"];
    const person = await against(routes, argv, { isInteractive: true });
    expect(person.out.split("\u001b[H\u001b[2J")).toHaveLength(3);
    await platform?.close();
    const program = await against(routes, [...argv, "--json"]);
    const states = program.out
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as RolloutEvidence).rollout.state);
    expect(states).toEqual(["progressing", "promoted"]);
  });

  test("takes the stream up again when the platform was restarted", async () => {
    let calls = 0;
    const { code } = await against(
      {
        "GET /services/digits/evidence/stream": (call, response) => {
          calls++;
          const list = calls === 1 ? [evidence()] : [evidence({ state: "promoted", ...ended })];
          events(list, calls === 1 ? "ended" : "open")(call, response);
        },
        ...detail,
      },
      ["rollout", "show", "digits", "--watch"],
    );
    expect({ code, calls }).toEqual({ code: 0, calls: 2 });
  });

  test("shows how the watched one ended when a newer one took its place", async () => {
    const { code, out } = await against(
      {
        "GET /services/digits/evidence/stream": events([evidence(), evidence({ id: "ro-4", version: 4 })]),
        "GET /rollouts/ro-3/evidence": json(200, evidence({ state: "superseded", ...ended })),
        ...detail,
      },
      ["rollout", "show", "digits", "--watch"],
    );
    expect(code).toBe(6);
    expect(out).toContain("version 3 against version 2: superseded");
  });
});

test("rollout list is a table, newest first", async () => {
  const rollouts = [
    {
      id: "ro-3",
      version: 3,
      champion: 2,
      kind: "canary",
      state: "rolledback",
      createdAt: NOW - 7_200_000,
      reason: null,
      sentence: "version 3 failed\n72 of 310",
    },
  ];
  const { code, out } = await against(
    { "GET /services/digits": json(200, {}), "GET /rollouts": json(200, { rollouts }) },
    ["rollout", "list", "digits"],
  );
  expect({ code, out }).toEqual({
    code: 0,
    out: `ROLLOUT  VERSION  AGAINST  KIND    STATE       ASKED    WHAT HAPPENED
ro-3     3        2        canary  rolledback  2 h ago  version 3 failed 72 of 310
`,
  });
  expect(platform?.calls.at(-1)?.path).toBe("/rollouts?model=digits");
  await platform?.close();
  expect((await against({}, ["rollout", "list", "digits"])).code).toBe(5);
});

describe("a sparkline", () => {
  test("reaches the top at the threshold and never before", () => {
    const at = (value: number, i: number): { at: number; value: number } => ({ at: i, value });
    expect(sparkline([0, 0.01, 1, 99.9, 100, 1e300].map(at), 100, 10)).toBe("▁▁▄▇██");
    expect(sparkline([], 100, 10)).toBe("");
    expect(sparkline([at(5, 0)], 100, 10)).toHaveLength(1);
    expect(
      sparkline(
        Array.from({ length: 400 }, (_, i) => at(i, i)),
        100,
        48,
      ),
    ).toHaveLength(48);
  });
});
