import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ServingBackend, TrafficRule, VariantRef, VariantSpec } from "../../src/serving/backend.ts";
import { latencyBucket } from "../../src/serving/outcomes.ts";
import type { OutcomeCounter } from "../../src/serving/outcomes.ts";

/** What an implementation brings so that the suite can drive it. */
export interface ServingWorld {
  backend: ServingBackend;
  /** What all variants ask for, where they must be small; default: nothing of their own. */
  variant?: Partial<VariantSpec>;
  /** Files of a model that takes `x` FP32 [n, 4] and gives a `label`. */
  goodModel(): Promise<string>;
  /** Files that can't be served. */
  badModel(): Promise<string>;
  /** Files of a model that takes `index` INT64 [n] below `size` and gives `value` FP32 [n], `step` times the index. */
  tableModel(size: number, step: number): Promise<string>;
  /** One V2 inference from outside. */
  infer(service: string, options?: InferOptions): Promise<InferAnswer>;
  /** Sends a request, and goes away when it hasn't been answered for so long. */
  leave(service: string, afterMs: number): Promise<void>;
  /** The variant's workers answer nothing until the function that comes back is called. */
  stall(ref: VariantRef): Promise<() => void>;
  /** Kills whatever counts outcomes and keeps rules; resolves when requests are answered again. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface InferOptions {
  body?: string;
  headers?: Record<string, string>;
}

export interface InferAnswer {
  status: number;
  /** That answered. */
  version: number | undefined;
  /** That failed it before. */
  fallback: number | undefined;
  requestId: string;
}

const NEVER = new AbortController().signal;
const REQUEST = JSON.stringify({
  inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }],
});

const indexed = (index: number) => ({
  body: JSON.stringify({ inputs: [{ name: "index", datatype: "INT64", shape: [1], data: [index] }] }),
});

/** Every implementation of ServingBackend must pass this. */
export function servingBackendContract(name: string, open: () => Promise<ServingWorld>): void {
  describe(`ServingBackend: ${name}`, () => {
    let world: ServingWorld;
    let modelDir: string;
    beforeAll(async () => {
      world = await open();
      modelDir = await world.goodModel();
    });
    /** Each test leaves nothing that the next one would have to share the machine with. */
    afterEach(async () => {
      const { rules, variants } = await world.backend.state();
      for (const { service, order } of rules) await world.backend.unroute(service, order + 1);
      for (const variant of variants) await world.backend.remove(variant);
    });
    afterAll(() => world.close());

    const spec = (service: string, version: number): VariantSpec => ({
      service,
      version,
      format: "onnx",
      modelDir,
      workers: 1,
      ...world.variant,
    });
    const rule = (service: string, more: Partial<TrafficRule> = {}): TrafficRule => ({
      service,
      commit: "a",
      order: 1,
      champion: 1,
      share: 0,
      timeoutMs: 5_000,
      maxBodyBytes: 100_000,
      protocols: ["v2"],
      ...more,
    });
    const prepared = async (service: string, ...versions: number[]) => {
      for (const version of versions) await world.backend.prepare(spec(service, version), NEVER);
    };
    /** Of the processes that count now: those of one that is gone may be kept. */
    const countersOf = async (service: string) => {
      const { counters, incarnation, living = [incarnation] } = await world.backend.outcomes();
      return counters.filter((own) => own.service === service && living.includes(own.incarnation));
    };

    it("prepares a variant, twice to the same effect", async () => {
      await prepared("twice", 1, 1);
      const { variants } = await world.backend.state();
      const own = variants.filter((variant) => variant.service === "twice");
      expect(own).toHaveLength(1);
      expect(own[0]?.workers.map((worker) => worker.state)).toEqual(["ready"]);
    });

    it("says that a variant can't be made ready, and keeps nothing of it", async () => {
      const bad = { ...spec("bad", 1), modelDir: await world.badModel() };
      await expect(world.backend.prepare(bad, NEVER)).rejects.toMatchObject({ code: "VARIANT_NOT_READY" });
      expect((await world.backend.state()).variants.some((variant) => variant.service === "bad")).toBe(false);
    });

    it("gives up preparing when asked to", async () => {
      const gone = new AbortController();
      const preparing = world.backend.prepare(spec("gone", 1), gone.signal);
      gone.abort(new Error("never mind"));
      await expect(preparing).rejects.toThrow("never mind");
    });

    it("probes before there is traffic, and counts it nowhere", async () => {
      await prepared("probed", 1);
      const answer = await world.backend.probe({ service: "probed", version: 1 }, REQUEST, NEVER);
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body)).toMatchObject({ model_name: "probed", model_version: "1" });
      expect(await countersOf("probed")).toEqual([]);
      expect((await world.infer("probed")).status).toBe(404);
    });

    it("refuses a rule that names what isn't prepared", async () => {
      await expect(world.backend.route(rule("unprepared"))).rejects.toMatchObject({
        code: "VARIANT_NOT_READY",
      });
    });

    it("routes by the newest commit only", async () => {
      await prepared("ordered", 1, 2);
      await world.backend.route(rule("ordered", { commit: "b", order: 2, champion: 2 }));
      await world.backend.route(rule("ordered", { commit: "b", order: 2, champion: 2 }));
      await expect(world.backend.route(rule("ordered"))).rejects.toMatchObject({ code: "RULE_OUTDATED" });
      await expect(world.backend.route(rule("ordered", { commit: "x", order: 2 }))).rejects.toMatchObject({
        code: "RULE_OUTDATED",
      });
      expect((await world.infer("ordered")).version).toBe(2);
      expect((await world.backend.state()).rules.filter((own) => own.service === "ordered")).toMatchObject([
        { commit: "b", order: 2, champion: 2 },
      ]);
    });

    it("counts units under the epoch, arm and share of their assignment", async () => {
      await prepared("counted", 1, 2);
      await world.backend.route(rule("counted"));
      await world.infer("counted");
      await world.backend.route(rule("counted", { commit: "b", order: 2, challenger: 2, share: 1 }));
      await world.infer("counted");
      await world.infer("counted");
      const cells = await countersOf("counted");
      expect(cells).toHaveLength(2);
      expect(cells).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            epoch: "a",
            arm: "champion",
            version: 1,
            share: 0,
            started: 1,
            finished: 1,
          }),
          expect.objectContaining({
            epoch: "b",
            arm: "challenger",
            version: 2,
            share: 1,
            started: 2,
            finished: 2,
          }),
        ]),
      );
      for (const { latency, warmUp, finished } of cells) {
        const counted = [...latency.counts, ...(warmUp?.counts ?? [])];
        expect(counted.reduce((sum, [, count]) => sum + count, 0)).toBe(finished);
      }
    });

    it("stops a challenger at once, until a newer rule comes", async () => {
      await prepared("stopped", 1, 2);
      await world.backend.route(rule("stopped", { challenger: 2, share: 1 }));
      expect((await world.infer("stopped")).version).toBe(2);
      await world.backend.stopChallenger("stopped", 7);
      expect((await world.infer("stopped")).version).toBe(2);
      await world.backend.stopChallenger("stopped", 2);
      expect((await world.infer("stopped")).version).toBe(1);
      expect((await countersOf("stopped")).some((cell) => cell.epoch === "a!" && cell.share === 0)).toBe(
        true,
      );
      await world.backend.route(rule("stopped", { commit: "b", order: 2, challenger: 2, share: 1 }));
      expect((await world.infer("stopped")).version).toBe(2);
    });

    it("tells how long callers had waited who went away", async () => {
      await prepared("left", 1);
      await world.backend.route(rule("left"));
      const goOn = await world.stall({ service: "left", version: 1 });
      try {
        // Of the caller's time some goes by before serve has the request, where the machine is busy.
        await world.leave("left", 1_000);
        const [cell] = await until(
          () => countersOf("left"),
          ([own]) => own?.aborted === 1,
        );
        expect(cell).toMatchObject({ started: 1, finished: 0, failed: 0, latency: { counts: [] } });
        expect(cell?.abortedLatency.counts).toHaveLength(1);
        expect(cell?.abortedLatency.counts[0]?.[0]).toBeGreaterThanOrEqual(latencyBucket(200));
      } finally {
        goOn();
      }
    });

    /** Version 1 knows 100 rows, version 2 ten of them and says something else of row 5 and beyond. */
    const tables = async (service: string, step = 10) => {
      const [champion, challenger] = [await world.tableModel(100, 10), await world.tableModel(10, step)];
      await world.backend.prepare({ ...spec(service, 1), modelDir: champion }, NEVER);
      await world.backend.prepare({ ...spec(service, 2), modelDir: challenger }, NEVER);
    };

    it("answers by the champion what the challenger fails, and counts it as failed", async () => {
      await tables("falls");
      await world.backend.route(rule("falls", { challenger: 2, share: 1, fallback: true }));
      const answers = [];
      for (const index of [5, 50, 500]) answers.push(await world.infer("falls", indexed(index)));
      expect(answers).toMatchObject([
        { status: 200, version: 2, fallback: undefined },
        { status: 200, version: 1, fallback: 2 },
        { status: 500, version: 1, fallback: 2 },
      ]);
      expect(await countersOf("falls")).toMatchObject([
        { arm: "challenger", version: 2, started: 3, finished: 3, failed: 2, fellBack: 1 },
      ]);
    });

    it("gives copies to a shadowed challenger, which no caller notices", async () => {
      await tables("shadowed", 7);
      await world.backend.route(rule("shadowed", { challenger: 2, share: 0, shadow: 1 }));
      const total = 40;
      for (let sent = 0; sent < total; sent++) {
        // Row 0 is the same in both tables, row 50 is none of the challenger's.
        const index = [0, 3, 50][sent % 3] ?? 0;
        expect(await world.infer("shadowed", indexed(index))).toMatchObject({ status: 200, version: 1 });
      }
      const cells = await until(
        () => countersOf("shadowed"),
        (own) => sum(own, "finished") === 2 * total,
      );
      const tested = cells.filter((cell) => cell.epoch === "a");
      expect(tested.map((cell) => cell.share)).toEqual(tested.map(() => 0.5));
      expect(sum(tested, "started")).toBe(total);
      expect(sum(cells, "failed", "champion")).toBe(0);
      expect(sum(cells, "failed", "challenger")).toBe(13);
      expect(sum(cells, "started", "challenger")).toBe(total);
      const report = await world.backend.outcomes();
      const shadow = report.shadows.find((own) => own.service === "shadowed");
      expect(shadow).toMatchObject({ version: 2, epoch: "a", compared: 27, differed: 13, dropped: 0 });
      expect(shadow?.examples[0]).toMatchObject({ champion: [30], challenger: [21] });
    });

    it("ends the copies under way when the challenger is stopped, and sends no more", async () => {
      await prepared("cut", 1, 2);
      await world.backend.route(rule("cut", { challenger: 2, share: 0, shadow: 1, timeoutMs: 60_000 }));
      const goOn = await world.stall({ service: "cut", version: 2 });
      try {
        for (let sent = 0; sent < 5; sent++)
          expect(await world.infer("cut")).toMatchObject({ status: 200, version: 1 });
        expect(ended(await countersOf("cut"), "challenger")).toBe(0);
        await world.backend.stopChallenger("cut", 2);
        await world.infer("cut");
        const cells = await countersOf("cut");
        // By the platform, not by their callers: in neither arm's outcomes.
        expect(cells.reduce((all, cell) => all + (cell.stopped ?? 0), 0)).toBe(5);
        expect(ended(cells, "challenger")).toBe(0);
        expect(sum(cells, "started", "challenger")).toBe(5);
        const inForce = (await world.backend.state()).rules.find((own) => own.service === "cut");
        expect(inForce).toMatchObject({ share: 0, shadow: 0 });
      } finally {
        goOn();
      }
    });

    it("draws a sticky caller once, and the champion's once more when the share rises", async () => {
      await prepared("callers", 1, 2);
      const sticky = { challenger: 2, sticky: { header: "x-user" } };
      const round = async () => {
        for (let user = 0; user < 30; user++)
          await world.infer("callers", { headers: { "x-user": `user-${user}` } });
      };
      await world.backend.route(rule("callers", { ...sticky, share: 0.5 }));
      await round();
      await round();
      const first = (await countersOf("callers")).filter((cell) => cell.epoch === "a");
      expect(sum(first, "started")).toBe(30);
      const champions = sum(first, "started", "champion");
      expect(champions).toBeGreaterThan(0);
      expect(champions).toBeLessThan(30);
      await world.restart();
      await world.backend.route(rule("callers", { ...sticky, share: 0.75, commit: "b", order: 2 }));
      await round();
      await world.restart();
      await round();
      const after = await countersOf("callers");
      expect(after.every((cell) => cell.epoch === "b~")).toBe(true);
    });

    it("counts callers with their conditional share", async () => {
      await prepared("steps", 1, 2);
      const sticky = { challenger: 2, sticky: { header: "x-user" } };
      const users = Array.from({ length: 30 }, (_, user) => ({ headers: { "x-user": `user-${user}` } }));
      await world.backend.route(rule("steps", { ...sticky, share: 0.5 }));
      for (const user of users) await world.infer("steps", user);
      const champions = sum(await countersOf("steps"), "started", "champion");
      await world.backend.route(rule("steps", { ...sticky, share: 0.75, commit: "b", order: 2 }));
      for (const user of users) await world.infer("steps", user);
      const second = (await countersOf("steps")).filter((cell) => cell.epoch === "b");
      expect(sum(second, "started")).toBe(champions);
      expect(new Set(second.map((cell) => cell.share))).toEqual(new Set([0.5]));
    });

    it("keeps its rules over a restart, and counts from zero under another incarnation", async () => {
      await tables("kept");
      const trial = { challenger: 2, share: 1, fallback: true };
      await world.backend.route(rule("kept", trial));
      await world.infer("kept", indexed(50));
      const before = await countersOf("kept");
      await world.restart();
      expect((await world.backend.state()).rules.find((own) => own.service === "kept")).toMatchObject(trial);
      expect(await countersOf("kept")).toEqual([]);
      expect(await world.infer("kept", indexed(50))).toMatchObject({ version: 1, fallback: 2 });
      const after = await countersOf("kept");
      expect(after).toMatchObject([{ started: 1, fellBack: 1 }]);
      expect(after[0]?.incarnation).not.toBe(before[0]?.incarnation);
      await world.backend.route(
        rule("kept", { challenger: 2, share: 0, shadow: 0.25, commit: "b", order: 2 }),
      );
      await world.restart();
      expect((await world.backend.state()).rules.find((own) => own.service === "kept")).toMatchObject({
        share: 0,
        shadow: 0.25,
      });
    });

    it("refuses a rule whose shares can't be", async () => {
      await prepared("shares", 1, 2);
      for (const wrong of [
        { challenger: 2, share: 1.5 },
        { challenger: 2, share: Number.NaN },
        { challenger: 2, share: 0.1, shadow: 0.1 },
        { challenger: 2, shadow: -1 },
        { shadow: 0.5 },
        { share: 0.5 },
      ])
        await expect(world.backend.route(rule("shares", wrong))).rejects.toMatchObject({
          code: "RULE_INVALID",
        });
    });

    it("logs predictions in order, page by page", async () => {
      await prepared("logged", 1);
      await world.backend.route(rule("logged"));
      const ids: string[] = [];
      for (let sent = 0; sent < 5; sent++) ids.push((await world.infer("logged")).requestId);
      const found: string[] = [];
      let cursor = "";
      const deadline = Date.now() + 5_000;
      while (found.length < ids.length && Date.now() < deadline) {
        const page = await world.backend.predictions(cursor, 2, ["logged"]);
        expect(page.records.length).toBeLessThanOrEqual(2);
        cursor = page.cursor;
        found.push(...page.records.map((own) => own.requestId));
      }
      expect(found).toEqual(ids);
      const others = await world.backend.predictions("", 100, ["another"]);
      expect(others).toMatchObject({ records: [], isEnd: true });
      const none = await world.backend.predictions("", 100, []);
      expect(none).toMatchObject({ records: [], isEnd: true });
      expect((await world.backend.predictions(none.cursor, 100, ["logged"])).records).toEqual([]);
    });

    it("removes what no rule names, and refuses what one does", async () => {
      await prepared("removed", 1);
      await world.backend.route(rule("removed"));
      const ref = { service: "removed", version: 1 };
      await expect(world.backend.remove(ref)).rejects.toMatchObject({ code: "VARIANT_IN_USE" });
      await world.backend.unroute("removed", 2);
      await expect(world.backend.route(rule("removed"))).rejects.toMatchObject({ code: "RULE_OUTDATED" });
      await world.backend.remove(ref);
      await world.backend.remove(ref);
      expect((await world.backend.state()).variants.some((variant) => variant.service === "removed")).toBe(
        false,
      );
      expect((await world.infer("removed")).status).toBe(404);
    });
  });
}

function sum(
  cells: readonly OutcomeCounter[],
  what: "started" | "finished" | "failed",
  arm?: OutcomeCounter["arm"],
): number {
  return cells.reduce((all, cell) => (arm === undefined || cell.arm === arm ? all + cell[what] : all), 0);
}

/** Units that aren't under way any more. */
function ended(cells: readonly OutcomeCounter[], arm: OutcomeCounter["arm"]): number {
  return cells.reduce((all, cell) => (cell.arm === arm ? all + cell.finished + cell.aborted : all), 0);
}

/** Looks until it is so, for a bounded time; answers what it saw last. */
async function until<T>(look: () => Promise<T>, isSo: (seen: T) => boolean): Promise<T> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const seen = await look();
    if (isSo(seen) || Date.now() > deadline) return seen;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
