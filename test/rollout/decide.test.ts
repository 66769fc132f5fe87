import { describe, expect, it } from "vitest";
import { decide } from "../../src/rollout/decide.ts";
import type { Judgement } from "../../src/rollout/judge.ts";
import type { Situation } from "../../src/rollout/situation.ts";
import type { Rollout, Service } from "../../src/rollout/state.ts";
import { policy, serving } from "./world.ts";

const NOW = 1_000_000;

function service(changes: Partial<Service> = {}): Service {
  return {
    name: "m",
    tenant: "default",
    project: "p",
    champion: 1,
    challenger: 2,
    weight: 5,
    shadow: null,
    previousChampion: null,
    commit: "c2",
    order: 2,
    aliasedCommit: "c2",
    serving,
    policy,
    stop: null,
    problem: null,
    ...changes,
  };
}

function rollout(changes: Partial<Rollout> = {}): Rollout {
  return {
    id: "ro-1",
    key: "k",
    service: "m",
    version: 2,
    kind: "canary",
    state: "progressing",
    reason: null,
    sentence: null,
    phase: "steps",
    phaseAt: 0,
    step: 0,
    request: {
      key: "k",
      project: "p",
      commit: "",
      model: "m",
      version: 2,
      policy,
      serving,
      requestedBy: "ada",
    },
    champion: 1,
    heldFrom: null,
    wish: null,
    approvedBy: null,
    judgement: null,
    look: 1,
    continues: null,
    createdAt: 0,
    progressingAt: 0,
    deadlineAt: NOW + 1000,
    endedAt: null,
    ...changes,
  };
}

function situation(changes: Partial<Situation> = {}): Situation {
  const passed = (version: number) =>
    [version, { version, passed: true, message: "", sha256: "a1" }] as const;
  return {
    now: NOW,
    service: service(),
    projection: { commit: "c2", order: 2, orderOffset: 0, diverged: null, adopt: false },
    rollout: rollout(),
    pending: [],
    contracts: new Map([passed(1), passed(2)]),
    inForce: { commit: "c2", order: 2 },
    prepared: [1, 2],
    stopTold: false,
    unitsAtStep: 100,
    badAnswers: 0,
    sinceSwitch: null,
    ...changes,
  };
}

function judgement(verdict: Judgement["verdict"], advance = false): Judgement {
  const thresholds = { harmThreshold: 100, safetyThreshold: 20 };
  return { verdict, blamed: null, advance, harm: 0, ...thresholds, metrics: [], guard: null, sentence: "" };
}

const stop = { version: 2, rolloutId: "ro-1", at: NOW, sentence: "bad" };
const diverged = { commit: "c2", order: 2, orderOffset: 0, diverged: "x1", adopt: false };
const newer = rollout({ id: "ro-2", version: 3, state: "pending" });

describe("decide", () => {
  it.each<[string, Partial<Situation>, object]>([
    ["watches a running rollout", {}, { do: "wait", why: "watching" }],
    [
      "stops a bad challenger before anything else",
      { rollout: rollout({ judgement: judgement("worse") }), inForce: null, pending: [newer] },
      { do: "stop", stop: { version: 2 } },
    ],
    [
      "stops a challenger that the guard fired on, named as what it is",
      {
        rollout: rollout({
          judgement: {
            ...judgement("undecided"),
            guard: { what: "errors", before: 0.011, now: 0.123, limit: 0.061, units: 1204 },
          },
        }),
        badAnswers: 31,
      },
      {
        do: "stop",
        stop: {
          sentence:
            "the absolute guard, outside the declared rates: 12.3 % of 1,204 requests failed, 1.1 % before the " +
            "rollout (limit 6.1 %), both versions together: version 2 taken out after 16.7 min, 31 bad answers",
        },
      },
    ],
    ["tells the backend of a stop after a restart", { service: service({ stop }) }, { do: "tell-stop" }],
    [
      "commits the rollback after the stop",
      { service: service({ stop }), stopTold: true },
      { do: "commit", desired: { champion: 1, weight: 0 }, after: { state: "rolledback" } },
    ],
    [
      "stops a bad challenger also when the repository diverged, without a commit",
      { service: service({ stop }), stopTold: true, projection: diverged },
      { do: "hold", reason: "repository-diverged" },
    ],
    ["holds when the repository diverged", { projection: diverged }, { do: "hold" }],
    [
      "does nothing more while it is diverged",
      {
        projection: diverged,
        rollout: rollout({ state: "held", reason: "repository-diverged" }),
        inForce: null,
      },
      { do: "wait" },
    ],
    ["prepares what serve has lost", { prepared: [1] }, { do: "prepare", version: 2 }],
    ["checks a pushed version before it is routed", { contracts: new Map() }, { do: "check", version: 1 }],
    ["routes what Git says", { inForce: { commit: "c1", order: 1 } }, { do: "route" }],
    ["projects the aliases", { service: service({ aliasedCommit: "c1" }) }, { do: "project-aliases" }],
    [
      "makes room for a newer request",
      { pending: [newer] },
      { do: "commit", desired: { champion: 1, weight: 0 }, after: { state: "superseded" } },
    ],
    [
      "begins what is pending",
      { rollout: null, pending: [newer], service: service({ challenger: null }) },
      { do: "begin" },
    ],
    [
      "advances when the evidence allows",
      { rollout: rollout({ judgement: judgement("undecided", true) }) },
      { do: "commit", desired: { challenger: 2, weight: 25 }, after: { step: 1, event: "rollout.advanced" } },
    ],
    [
      "stays at a step that hardly had traffic",
      { rollout: rollout({ judgement: judgement("within-margin", true) }), unitsAtStep: 3 },
      { do: "wait" },
    ],
    [
      "promotes at the last step only",
      { rollout: rollout({ step: 2, judgement: judgement("within-margin", true) }) },
      { do: "commit", desired: { champion: 2, weight: 0 }, after: { state: "promoted" } },
    ],
    [
      "waits at the last step while undecided",
      { rollout: rollout({ step: 2, judgement: judgement("undecided", true) }) },
      { do: "wait" },
    ],
    ["holds at the deadline", { now: NOW + 1000 }, { do: "hold", reason: "not-enough-data" }],
    [
      "leaves a held one alone",
      {
        rollout: rollout({
          state: "held",
          heldFrom: "progressing",
          reason: "by-hand",
          step: 2,
          judgement: judgement("within-margin", true),
        }),
        now: NOW + 1000,
      },
      { do: "wait" },
    ],
    [
      "takes out a challenger that can't be loaded any more",
      { contracts: new Map([[2, { version: 2, passed: false, message: "gone", sha256: "" }]]) },
      { do: "stop" },
    ],
    [
      "removes what nothing names",
      { rollout: null, service: service({ challenger: null }), prepared: [1, 2] },
      { do: "remove", version: 2 },
    ],
    [
      "doesn't remove what a rule still names",
      {
        rollout: null,
        service: service({ champion: null, challenger: null, order: 3 }),
        inForce: { commit: "c2", order: 2 },
      },
      { do: "route" },
    ],
  ])("%s", (_name, changes, expected) => {
    expect(decide(situation(changes))).toMatchObject(expected);
  });

  it("moves traffic to a challenger only by a commit", () => {
    for (const state of ["pending", "checking", "progressing", "held"] as const) {
      const action = decide(
        situation({ rollout: rollout({ state }), service: service({ challenger: null }) }),
      );
      if ("desired" in action) expect(action.do).toBe("commit");
    }
  });
});
