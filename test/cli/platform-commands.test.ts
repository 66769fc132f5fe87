import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { fakePlatform, json } from "./fake-platform.ts";
import type { Answer, FakePlatform } from "./fake-platform.ts";
import { run } from "./run.ts";
import type { Around, Ran } from "./run.ts";

let platform: FakePlatform | undefined;
afterEach(async () => {
  await platform?.close();
  platform = undefined;
});

/** Runs a command line against a platform that answers by the routes. */
async function against(routes: Record<string, Answer>, argv: string[], around: Around = {}): Promise<Ran> {
  platform = await fakePlatform(routes);
  return run(argv, { ...around, env: { SLIPWAY_URL: `${platform.url}/`, ...around.env } });
}

const SERVICE = {
  name: "digits",
  champion: { version: 1, since: 1_700_000_000_000 - 7_200_000 },
  challenger: { version: 2 },
  weight: 25,
  state: "progressing",
  rollout: {
    id: "ro-1",
    state: "progressing",
    reason: null,
    sentence: "errors: undecided after 900 requests",
  },
  commit: "0123456789abcdef",
};
const RUN = {
  id: "pr-1",
  project: "digits",
  commit: "fedcba9876543210",
  state: "failed",
  createdAt: 1_700_000_000_000 - 90_000,
  model: null,
  version: null,
  reason: "step train failed\u001b[2J",
};

test("status shows services, rollouts and the latest pipeline runs", async () => {
  const { code, out } = await against(
    {
      "GET /services": json(200, { services: [{ ...SERVICE, problem: "the repository\ndiverged" }] }),
      "GET /pipeline-runs": json(200, { pipelineRuns: [RUN] }),
    },
    ["status"],
  );
  expect(code).toBe(0);
  expect(out).toBe(`SERVICE  CHAMPION   SINCE    CHALLENGER         STATE        COMMIT
digits   version 1  2 h ago  version 2 at 25 %  progressing  01234567
digits: rollout ro-1 is progressing: errors: undecided after 900 requests
digits: the repository diverged
(more: slipway status MODEL, slipway why service/MODEL)

PIPELINE RUN  PROJECT  COMMIT    STATE   STARTED   MODEL  REASON
pr-1          digits   fedcba98  failed  90 s ago  -      step train failed
`);
});

const ROLLED_BACK = {
  ...SERVICE,
  challenger: null,
  state: "steady",
  rollout: {
    id: "ro-1",
    state: "rolledback",
    reason: `version 2 failed 72 of 310 requests, ${"and so on ".repeat(20)}to the end`,
    sentence: `version 2 failed 72 of 310 requests, ${"and so on ".repeat(20)}to the end`,
  },
  history: [
    { commit: "e0e1e2e3e4e5", at: 1_700_000_000_000 - 5000, author: "slipway", subject: "roll back" },
  ],
  labels: { joined: 70, late: 2 },
};

test("status says a rollout's sentence once, on one line of the terminal's width", async () => {
  const { out } = await against(
    {
      "GET /services": json(200, { services: [ROLLED_BACK] }),
      "GET /pipeline-runs": json(200, { pipelineRuns: [{ ...RUN, reason: "why ".repeat(50) }] }),
    },
    ["status"],
    { columns: 80 },
  );
  const lines = out.split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines.filter((line) => line.includes("failed 72 of 310"))).toHaveLength(1);
  expect(out).toContain("slipway status MODEL");
});

test("status leaves out what has ended well; runs and rerun name what was given", async () => {
  const rollout = {
    id: "ro-1",
    state: "promoted",
    reason: null,
    sentence: "version 1 is the first champion",
  };
  const { out } = await against(
    {
      "GET /services": json(200, { services: [{ ...SERVICE, challenger: null, rollout }] }),
      "GET /pipeline-runs": json(200, { pipelineRuns: [] }),
    },
    ["status"],
  );
  expect(out).not.toContain("ro-1");
  await platform?.close();
  const none = await against({ "GET /pipeline-runs": json(200, { pipelineRuns: [] }) }, ["runs", "x"]);
  expect(none.out).toBe("no pipeline runs of x\n");
  const wrong = await run(["rerun", "x", "--commit", "HEAD"]);
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain("given:   HEAD");
});

test("status of one service tells the whole sentence, its latest changes and its labels", async () => {
  const { out } = await against({ "GET /services/digits": json(200, ROLLED_BACK) }, ["status", "digits"], {
    columns: 80,
  });
  expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
  expect(out.match(/to the end/g)).toHaveLength(1);
  expect(out).toContain("  e0e1e2e3  5 s ago     roll back (slipway)\n");
  expect(out).toContain("labels: 70 joined, 2 late\n");
});

test("status of one service, as JSON, with the token", async () => {
  const { out } = await against(
    { "GET /services/digits": json(200, SERVICE) },
    ["status", "digits", "--json"],
    {
      env: { SLIPWAY_TOKEN: "t0ken" },
    },
  );
  expect(JSON.parse(out)).toEqual(SERVICE);
  expect(platform?.calls).toEqual([
    { method: "GET", path: "/services/digits", token: "Bearer t0ken", body: undefined },
  ]);
});

test("a name is never taken for a path", async () => {
  const { code, err } = await against({}, ["status", "../projects?x"]);
  expect(platform?.calls[0]?.path).toBe("/services/..%2Fprojects%3Fx");
  expect(code).toBe(5);
  expect(err).toContain("→ Look again. (NOT_FOUND)");
});

test.each([
  ["promote", ["progressing", "promoted"]],
  ["rollback", ["progressing", "rolledback"]],
  ["hold", ["held"]],
  ["resume", ["progressing"]],
  ["approve", ["held", "progressing"]],
])("%s sends the reason and shows what came of it", async (word, states) => {
  const left = [...states];
  const { code, out } = await against(
    {
      [`POST /services/digits/${word}`]: json(200, { rolloutId: "ro-1" }),
      "GET /rollouts/ro-1": (call, response) =>
        json(200, { id: "ro-1", state: left.shift(), reason: "by-hand", sentence: "asked by a person" })(
          call,
          response,
        ),
    },
    [word, "digits", "--reason", "because"],
  );
  expect({ code, out, left }).toEqual({
    code: 0,
    out: `digits: rollout ro-1 is ${states.at(-1)} (by-hand): asked by a person\n`,
    left: [],
  });
  expect(platform?.calls[0]?.body).toEqual({ reason: "because" });
});

test("a rollback to the former champion isn't called a promotion", async () => {
  const sentence = "version 1 took the place of version 2 at once, asked by ada";
  const { out } = await against(
    {
      "POST /services/digits/rollback": json(200, { rolloutId: "ro-2" }),
      "GET /rollouts/ro-2": json(200, { id: "ro-2", state: "promoted", reason: null, sentence }),
    },
    ["rollback", "digits"],
  );
  expect(out).toBe(`digits: ${sentence}\n`);
});

test("what did nothing says why", async () => {
  const note = "it is held already (needs-approval)";
  const rollout = { id: "ro-2", state: "held", reason: "needs-approval", sentence: "waits for a yes" };
  const routes = {
    "POST /services/digits/hold": json(200, { rolloutId: "ro-2", note }),
    "GET /rollouts/ro-2": json(200, rollout),
  };
  const { code, out } = await against(routes, ["hold", "digits"]);
  const told = `digits: ${note}; rollout ro-2 is held (needs-approval): waits for a yes\n`;
  expect({ code, out: out.replace(/\n +/g, " ") }).toEqual({ code: 0, out: told });
  const asJson = await against(routes, ["hold", "digits", "--json"]);
  expect(JSON.parse(asJson.out)).toEqual({ ...rollout, note });
});

test("a refusal ends with exit code 4 and the platform's own words", async () => {
  const error = { code: "CONFLICT", message: "there is no challenger", hint: "Push one.", given: "digits" };
  const { code, err } = await against({ "POST /services/digits/promote": json(409, { error }) }, [
    "promote",
    "digits",
  ]);
  expect(code).toBe(4);
  expect(err).toBe("slipway: there is no challenger\n  given:   digits\n  → Push one. (CONFLICT)\n");
});

test("something else at the address isn't taken for a platform", async () => {
  const html: Answer = (_, response) =>
    void response.writeHead(200, { "content-type": "text/html" }).end("<p>hello");
  const { code, err } = await against({ "GET /services/digits": html }, ["status", "digits"]);
  expect(code).toBe(3);
  expect(err).toContain("(PLATFORM_UNEXPECTED)");
});

test("runs, cancel and rerun call what they say", async () => {
  await against({ "GET /pipeline-runs": json(200, { pipelineRuns: [RUN] }) }, [
    "runs",
    "digits",
    "--limit",
    "3",
  ]);
  expect(platform?.calls[0]?.path).toBe("/pipeline-runs?limit=3&project=digits");
  await platform?.close();
  await against({ "POST /pipeline-runs/pr-1/cancel": json(200, RUN) }, ["cancel", "run/pr-1"]);
  expect(platform?.calls[0]?.path).toBe("/pipeline-runs/pr-1/cancel");
  await platform?.close();
  const { out } = await against({ "POST /projects/digits/pipeline-runs": json(201, RUN) }, [
    "rerun",
    "digits",
    "--no-cache",
    "--commit",
    "abcd",
  ]);
  expect(platform?.calls[0]?.body).toEqual({ commit: "abcd", cache: false });
  expect(out).toContain("slipway logs run/pr-1 --follow");
});

/** Answers in pieces, each a chunk of its own; `null` breaks the connection. */
function pieces(...turns: (string | null)[][]): Answer {
  let turn = 0;
  return (_, response) => {
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
    for (const piece of turns[turn++] ?? []) {
      if (piece === null) {
        // After the pieces before it have left.
        response.write("", () => response.destroy());
        return;
      }
      response.write(piece);
    }
    response.end();
  };
}

test("logs are followed across a broken connection, each line once; the exit code is the pipeline run's", async () => {
  const { code, out, err } = await against(
    {
      "GET /pipeline-runs/pr-1/logs": pieces(
        ["train | one\ntrain | tw", "o\n", null],
        ["train | one\ntrain | two\ntrain | three \u001b[2J\u001b[31mred\u001b[0m\n"],
      ),
      "GET /pipeline-runs/pr-1": json(200, RUN),
    },
    ["logs", "run/pr-1", "--follow"],
  );
  expect(out).toBe("train | one\ntrain | two\ntrain | three \u001b[31mred\u001b[0m\n");
  expect(code).toBe(1);
  expect(err).toContain("slipway why run/pr-1");
});

test("a pipeline run that still registers when its steps have ended is waited for", async () => {
  const states = ["running", "registering", "succeeded"];
  const { code, err } = await against(
    {
      "GET /pipeline-runs/pr-1/logs": pieces(["train | done\n"]),
      "GET /pipeline-runs/pr-1": (call, response) =>
        json(200, { ...RUN, state: states.shift() })(call, response),
    },
    ["logs", "run/pr-1", "--follow"],
  );
  expect({ code, err, left: states }).toEqual({ code: 0, err: "", left: [] });
});

test("logs of a step as JSON lines, logs of a service", async () => {
  const { out } = await against({ "GET /pipeline-runs/pr-1/logs": pieces(["train | a | b\n"]) }, [
    "logs",
    "step/pr-1/train",
    "--json",
  ]);
  expect(JSON.parse(out)).toEqual({ step: "train", line: "a | b" });
  expect(platform?.calls[0]?.path).toBe("/pipeline-runs/pr-1/logs?step=train");
  await platform?.close();
  const service = await against({ "GET /services/digits/logs": json(200, { lines: ["x", "y"] }) }, [
    "logs",
    "service/digits",
    "--lines",
    "2",
  ]);
  expect(service.out).toBe("x\ny\n");
});

test("labels are sent in batches and counted together", async () => {
  const answer = { accepted: 1, duplicate: 2, unknown: 3, late: 4, conflicting: 5, mismatch: 6 };
  const lines = Array.from({ length: 1500 }, (_, index) =>
    JSON.stringify({ id: `r${index}`, label: index % 10 }),
  );
  const { code, out } = await against(
    { "POST /services/digits/labels": json(200, answer) },
    ["labels", "digits", "-"],
    { stdin: `${lines.join("\n")}\n\n` },
  );
  expect({ code, out }).toEqual({
    code: 0,
    out: "2 accepted, 4 duplicate, 6 unknown, 8 late, 10 conflicting, 12 mismatch\n",
  });
  expect(platform?.calls.map(({ body }) => (body as { labels: unknown[] }).labels.length)).toEqual([
    1000, 500,
  ]);
});

test("labels may be losses with times, and a refusal names the line of the file", async () => {
  const refusal = {
    code: "LABEL_IN_FUTURE",
    message: "a truth can't be known before it happens",
    hint: "Correct it.",
    where: "body.labels.1.at",
    given: "2099-01-01T00:00:00.000Z",
    allowed: "at most 60 s after now",
  };
  const first = { id: "a", loss: 0.25, at: 1_700_000_000_000 };
  const second = { id: "b", label: [1, 2], at: "2099-01-01T00:00:00Z" };
  const { code, err } = await against(
    { "POST /services/digits/labels": json(400, { error: refusal }) },
    ["labels", "digits", "-"],
    { stdin: `${JSON.stringify(first)}\n\n${JSON.stringify(second)}\n` },
  );
  expect(platform?.calls[0]?.body).toEqual({ labels: [first, second] });
  expect(code).toBe(1);
  expect(err).toContain("LABEL_IN_FUTURE");
  expect(err).toContain("where:   standard input, line 3 at");
  const endless = await run(["labels", "digits", "-"], { stdin: '{"id":"a","loss":1e999}\n' });
  expect(endless.err).toContain("LABELS_INVALID");
  expect(endless.err).toContain("where:   standard input, line 1 loss");
});

test("a line that is no label names its place", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slipway-labels-"));
  try {
    writeFileSync(join(folder, "l.jsonl"), '{"id":"a","label":1}\n{"id":"b"}\n');
    const { code, err } = await against({}, ["labels", "digits", "l.jsonl"], { cwd: folder });
    expect(code).toBe(1);
    expect(err).toContain("where:   l.jsonl:2 label");
    expect(err).toContain("it has neither label nor loss");
    expect(err).toContain("0 labels before it were sent");
    const missing = await run(["labels", "digits", "none.jsonl"], { cwd: folder });
    expect(missing.code).toBe(1);
    expect(missing.err).toContain("none.jsonl can't be read");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each([
  ["{id: 1}", "it isn't JSON", ""],
  ["[1]", "it isn't a JSON object", ""],
  ['{"id":7,"label":1}', "its id is no text", " id"],
  ['{"id":"a","lable":1}', "it has an unknown key", " lable"],
  ['{"id":"a","label":{}}', "its label is no class", " label"],
  ['{"id":"a","label":1,"at":true}', "its time can't be read", " at"],
])("of the line %s the field is named that is wrong", async (line, what, field) => {
  const { code, err } = await against({}, ["labels", "digits", "-"], { stdin: `${line}\n` });
  expect(code).toBe(1);
  expect(err).toContain(`a line isn't a label: ${what}; 0 labels before it were sent`);
  expect(err).toContain(`where:   standard input, line 1${field}\n`);
});

test("why is a staircase from the symptom to the root cause", async () => {
  const at = 1_700_000_000_000 - 60_000;
  const answer = {
    subject: "run/pr-1",
    chain: [
      {
        kind: "run",
        name: "pr-1",
        state: "failed",
        message: "step train failed",
        at,
        commit: "fedcba9876543210",
      },
      {
        kind: "step",
        name: "pr-1/train",
        state: "failed",
        message: "exit code 1",
        at,
        log: ["KeyError: 'x'"],
      },
    ],
    rootCause: "step/pr-1/train is failed: exit code 1",
  };
  const { out } = await against({ "GET /why/run/pr-1": json(200, answer) }, ["why", "run/pr-1"]);
  expect(out).toBe(`run/pr-1 failed (60 s ago, commit fedcba98)
  step train failed
└─ step/pr-1/train failed (60 s ago) ◄ root cause
     │ KeyError: 'x'

Root cause: step/pr-1/train is failed: exit code 1
`);
});
