import { appendFile, mkdtemp, readdir, rm, stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TrafficRule } from "../../src/serving/backend.ts";
import { stickyPoint } from "../../src/serving/router/assign.ts";
import { SeenCallers } from "../../src/serving/router/seen-callers.ts";
import { ruleFor } from "../support/serving-platform.ts";

let dir: string;
const opened: SeenCallers[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "slipway-callers-"));
});
afterEach(async () => {
  for (const seen of opened.splice(0)) seen.close();
  await rm(dir, { recursive: true, force: true });
});

const open = (): SeenCallers => {
  const seen = new SeenCallers(dir);
  opened.push(seen);
  return seen;
};
const trial = (challenger: number, service = "digits"): TrafficRule =>
  ruleFor(service, { challenger, sticky: { header: "x-user" } });

/** One request of a caller, drawn as the router does it. */
function request(seen: SeenCallers, rule: TrafficRule, share: number, caller: string) {
  const isChallengers = stickyPoint(rule, caller) < share;
  return { isChallengers, share: seen.draw(rule, share, caller, isChallengers) };
}

describe("a caller of a trial", () => {
  it("is one unit at one share, with the share in force at the first request", () => {
    const seen = open();
    expect(seen.draw(trial(2), 0.05, "ada", false)).toBe(0.05);
    expect(seen.draw(trial(2), 0.05, "ada", false)).toBeUndefined();
    expect(seen.draw(trial(2), 0.05, "bob", true)).toBe(0.05);
    expect(seen.draw(trial(2), 0.25, "eve", true)).toBe(0.25);
  });

  it("counts once more when the share rises, if it was the champion's, with its conditional share", () => {
    const seen = open();
    for (const caller of ["stays", "moves"]) seen.draw(trial(2), 0.05, caller, false);
    seen.draw(trial(2), 0.05, "challenger's", true);
    expect(seen.draw(trial(2), 0.25, "stays", false)).toBeCloseTo(0.2 / 0.95, 12);
    expect(seen.draw(trial(2), 0.25, "moves", true)).toBeCloseTo(0.2 / 0.95, 12);
    expect(seen.draw(trial(2), 0.25, "challenger's", true)).toBeUndefined();
    expect(seen.draw(trial(2), 0.5, "stays", false)).toBeCloseTo(0.25 / 0.75, 12);
    expect(seen.draw(trial(2), 0.5, "moves", true)).toBeUndefined();
  });

  it("brings nothing new when the share falls, nor when it rises to where it was", () => {
    const seen = open();
    seen.draw(trial(2), 0.25, "ada", false);
    expect(seen.draw(trial(2), 0.05, "ada", false)).toBeUndefined();
    expect(seen.draw(trial(2), 0.25, "ada", false)).toBeUndefined();
  });

  it("counts by every request while nobody is drawn", () => {
    const seen = open();
    const before = ruleFor("digits", { sticky: { header: "x-user" } });
    expect([seen.draw(before, 0, "ada", false), seen.draw(before, 0, "ada", false)]).toEqual([0, 0]);
    expect([seen.draw(trial(2), 0, "ada", false), seen.draw(trial(2), 0, "ada", false)]).toEqual([0, 0]);
    expect(seen.draw(trial(2), 0.05, "ada", false)).toBe(0.05);
  });

  it("is drawn anew by another challenger and in another service", () => {
    const seen = open();
    seen.draw(trial(2), 0.05, "ada", false);
    expect(seen.draw(trial(2, "other"), 0.05, "ada", false)).toBe(0.05);
    expect(seen.draw(trial(3), 0.05, "ada", false)).toBe(0.05);
  });

  it("is told from every other", () => {
    const seen = open();
    const shares = Array.from({ length: 20_000 }, (_, i) => seen.draw(trial(2), 0.05, `user-${i}`, false));
    expect(shares.every((share) => share === 0.05)).toBe(true);
  });

  it("is copied once as a unit, apart from being drawn", () => {
    const seen = open();
    const rule = { service: "digits", challenger: 2 };
    expect([seen.drawCopy(rule, "ada"), seen.drawCopy(rule, "ada")]).toEqual([true, false]);
    expect(seen.draw(trial(2), 0.05, "ada", false)).toBe(0.05);
    expect(seen.drawCopy(rule, "ada")).toBe(false);
  });
});

// The whole point of the conditional share: of the units that count with share s, a part s is the challenger's.
it("gives the challenger just the share that a unit counts with, whatever the shares did before", () => {
  const share = fc.constantFrom(0.05, 0.1, 0.25, 0.5, 0.75);
  fc.assert(
    fc.property(fc.array(share, { minLength: 1, maxLength: 4 }), fc.nat(1e6), (shares, salt) => {
      const seen = open();
      const rule = trial(2, `s${salt}`);
      const cells = new Map<number, { units: number; challengers: number }>();
      for (const inForce of shares)
        for (let i = 0; i < 2_000; i++) {
          const { isChallengers, share: own } = request(seen, rule, inForce, `${salt} ${i}`);
          if (own === undefined) continue;
          const cell = cells.get(own) ?? { units: 0, challengers: 0 };
          cell.units += 1;
          if (isChallengers) cell.challengers += 1;
          cells.set(own, cell);
        }
      for (const [own, { units, challengers }] of cells) {
        const deviation = Math.sqrt(units * own * (1 - own));
        expect(Math.abs(challengers - units * own)).toBeLessThan(5.5 * deviation + 1);
      }
      seen.close();
    }),
    { numRuns: 15 },
  );
});

describe("a restart", () => {
  it("makes no caller count twice", () => {
    const before = open();
    before.draw(trial(2), 0.05, "champion's", false);
    before.draw(trial(2), 0.05, "challenger's", true);
    before.drawCopy({ service: "digits", challenger: 2 }, "copied");
    // Not closed: the process was killed.
    const after = open();
    after.enter(trial(2));
    expect(after.draw(trial(2), 0.05, "champion's", false)).toBeUndefined();
    expect(after.draw(trial(2), 0.25, "challenger's", true)).toBeUndefined();
    expect(after.draw(trial(2), 0.25, "champion's", false)).toBeCloseTo(0.2 / 0.95, 12);
    expect(after.drawCopy({ service: "digits", challenger: 2 }, "copied")).toBe(false);
    const again = open();
    expect(again.draw(trial(2), 0.25, "champion's", false)).toBeUndefined();
  });

  it("ignores a record that was half written, and goes on behind the last whole one", async () => {
    open().draw(trial(2), 0.05, "ada", false);
    const [name = ""] = await readdir(dir);
    await appendFile(join(dir, name), new Uint8Array(7));
    const after = open();
    expect(after.draw(trial(2), 0.05, "ada", false)).toBeUndefined();
    expect(after.draw(trial(2), 0.05, "bob", false)).toBe(0.05);
    expect((await stat(join(dir, name))).size).toBe(32);
    expect(open().draw(trial(2), 0.05, "bob", false)).toBeUndefined();
  });

  it("finds those of a version that is tried again after another one", () => {
    const seen = open();
    for (const challenger of [2, 3]) {
      seen.enter(trial(challenger));
      seen.draw(trial(challenger), 0.05, "ada", false);
    }
    seen.enter(ruleFor("digits", { sticky: { header: "x-user" } }));
    seen.enter(trial(2));
    expect(seen.draw(trial(2), 0.05, "ada", false)).toBeUndefined();
  });
});

it("keeps a bounded number of files", async () => {
  const seen = open();
  for (let challenger = 1; challenger <= 40; challenger++) seen.draw(trial(challenger), 0.05, "ada", false);
  expect((await readdir(dir)).length).toBeLessThanOrEqual(17);
});

it("takes no other service's files when one is pushed to all day, nor keeps more than it may in all", async () => {
  const before = open();
  before.draw(trial(2, "quiet"), 0.05, "ada", false);
  before.close();
  const [quiet = ""] = await readdir(dir);
  await utimes(join(dir, quiet), new Date(0), new Date(0));
  const seen = open();
  for (let challenger = 1; challenger <= 40; challenger++) seen.draw(trial(challenger), 0.05, "ada", false);
  expect(seen.draw(trial(2, "quiet"), 0.05, "ada", false)).toBeUndefined();
  for (let i = 0; i < 300; i++) {
    seen.draw(trial(2, `s${i}`), 0.05, "ada", false);
    seen.leave(`s${i}`);
  }
  expect((await readdir(dir)).length).toBeLessThanOrEqual(260);
});

it("lets nobody count whom it can't write down", async () => {
  const seen = open();
  await rm(dir, { recursive: true });
  const said: unknown[] = [];
  const { error } = console;
  console.error = (...words) => said.push(words);
  try {
    expect(seen.draw(trial(2), 0.05, "ada", false)).toBeUndefined();
    expect(seen.drawCopy({ service: "digits", challenger: 2 }, "ada")).toBe(false);
  } finally {
    console.error = error;
  }
  expect(said).toHaveLength(1);
});
