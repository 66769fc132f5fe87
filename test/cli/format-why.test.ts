import picocolors from "picocolors";
import { expect, test } from "vitest";
import { formatWhy } from "../../src/cli/format-why.ts";
import type { WhyAnswer } from "../../src/why/answer.ts";

const SENTENCE =
  "version 3 was wrong on 64 of 70 labelled answers (accuracy), version 2 on 60 of 1,200: taken out after 4.1 s";
const ANSWER: WhyAnswer = {
  subject: "service/digits",
  chain: [
    {
      kind: "service",
      name: "digits",
      state: "steady",
      message: "version 2 is champion",
      at: 8000,
      commit: "e0e0",
    },
    { kind: "rollout", name: "ro-1", state: "rolledback", message: SENTENCE, at: 8000, commit: "c0ffee" },
    {
      kind: "version",
      name: "digits/3",
      state: "registered",
      message: "made by pipeline run pr-1",
      at: 5000,
      commit: "c0ffee",
      log: ["x".repeat(200)],
    },
  ],
  rootCause: `rollout/ro-1 is rolledback: ${SENTENCE}`,
};

test("the root cause is marked in the chain, said once below it, and nothing is wider than the terminal", () => {
  const out = formatWhy(ANSWER, { colors: picocolors.createColors(false), now: 10_000, width: 60 });
  expect(out).toBe(`service/digits steady (2 s ago, commit e0e0)
  version 2 is champion
└─ rollout/ro-1 rolledback (2 s ago, commit c0ffee) ◄ root cause
   └─ version/digits/3 registered (5 s ago)
        made by pipeline run pr-1
        │ ${"x".repeat(49)}…

Root cause: rollout/ro-1 is rolledback: version 3 was wrong
on 64 of 70 labelled answers (accuracy), version 2 on 60 of
1,200: taken out after 4.1 s
`);
});

test("where nothing is wrong no root cause is named", () => {
  const answer = {
    ...ANSWER,
    chain: ANSWER.chain.slice(0, 1),
    rootCause: "nothing is wrong: version 2 is champion",
  };
  const out = formatWhy(answer, { colors: picocolors.createColors(false), now: 10_000, width: 60 });
  expect(out).toMatch(/\n\nNothing is wrong: version 2 is champion\n$/);
});
