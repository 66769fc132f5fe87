import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServingBackend, TrafficRule, VariantSpec } from "../../src/serving/backend.ts";

/** What an implementation brings so that the suite can drive it. */
export interface ServingWorld {
  backend: ServingBackend;
  /** Files of a model that takes `x` FP32 [n, 4] and gives a `label`. */
  goodModel(): Promise<string>;
  /** Files that can't be served. */
  badModel(): Promise<string>;
  /** One V2 inference from outside; answers its status and the variant that took it. */
  infer(service: string): Promise<{ status: number; version: number | undefined; requestId: string }>;
  close(): Promise<void>;
}

const NEVER = new AbortController().signal;
const REQUEST = JSON.stringify({
  inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }],
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
    afterAll(() => world.close());

    const spec = (service: string, version: number): VariantSpec => ({
      service,
      version,
      format: "onnx",
      modelDir,
      workers: 1,
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
    const countersOf = async (service: string) =>
      (await world.backend.outcomes()).counters.filter((counter) => counter.service === service);

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
      for (const cell of cells)
        expect(cell.latency.counts.reduce((sum, [, count]) => sum + count, 0)).toBe(cell.finished);
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

    it("logs predictions in order, page by page", async () => {
      await prepared("logged", 1);
      await world.backend.route(rule("logged"));
      const ids: string[] = [];
      for (let sent = 0; sent < 5; sent++) ids.push((await world.infer("logged")).requestId);
      const found: string[] = [];
      let cursor = "";
      const deadline = Date.now() + 5_000;
      while (found.length < ids.length && Date.now() < deadline) {
        const page = await world.backend.predictions(cursor, 2);
        expect(page.records.length).toBeLessThanOrEqual(2);
        cursor = page.cursor;
        found.push(...page.records.flatMap((own) => (own.service === "logged" ? [own.requestId] : [])));
      }
      expect(found).toEqual(ids);
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
