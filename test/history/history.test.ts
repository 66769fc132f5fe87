import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { historyOf, type HistoryEntry } from "../../src/history/history.ts";
import { createRecorder, type Recorder } from "../../src/history/recorder.ts";
import { historyMigrations } from "../../src/history/schema.ts";
import { projectCommit } from "../../src/rollout/commands/projection.ts";
import { rolloutMigrations } from "../../src/rollout/migrations.ts";
import { startGcPlatform, type GcPlatform } from "../gc/platform.ts";
import { policy, serving } from "../rollout/world.ts";

const MINUTE = 60_000;

describe("the history of production", () => {
  let platform: GcPlatform;
  let begun: number;
  let recorder: Recorder;
  const runs: string[] = [];
  let previous: string | null = null;
  let order = 0;

  beforeAll(async () => {
    platform = await startGcPlatform([...rolloutMigrations, ...historyMigrations]);
    begun = platform.clock.at;
    recorder = createRecorder({ db: platform.db, clock: platform.clock });
    platform.deps.beforeRunsGo = recorder.beforeRunsGo;
    for (const version of [1, 2]) {
      const { experimentId } = await platform.tracking.ensureExperiment("churn");
      const { runId } = await platform.tracking.createRun({
        experimentId,
        runName: `train-${version}`,
        tags: {},
      });
      runs.push(runId);
      await platform.tracking.logMetrics(runId, { accuracy: 0.9 + version / 100 });
      const dataset = { name: "raw.csv", digest: `d${version}`, source_type: "local", source: "raw.csv" };
      await platform.call("POST", "runs/log-inputs", {
        run_id: runId,
        datasets: [{ tags: [{ key: "mlflow.data.context", value: "training" }], dataset }],
      });
      await platform.registry.ensureModel("churn");
      await platform.registry.createVersion({
        model: "churn",
        source: `runs:/${runId}/model`,
        runId,
        tags: {
          "slipway.project": "churn",
          "slipway.commit": `c0ffee${version}`,
          "slipway.pipeline_run": `pr-${version}`,
        },
      });
    }
  });
  afterAll(() => platform.close());

  /** A person's commit that was made a day before it was pushed. */
  async function push(champion: number | null, challenger?: number, weight = 0): Promise<void> {
    const { clock } = platform;
    clock.at += MINUTE;
    const commit = `c${++order}`;
    const state =
      champion === null ? null : { name: "churn", champion, weight, ...(challenger ? { challenger } : {}) };
    await platform.db.write(projectCommit, {
      commit,
      order,
      orderOffset: 0,
      at: clock.at - 1440 * MINUTE,
      author: "ada",
      subject: `says ${commit}`,
      previous,
      changes: [{ service: "churn", state, rolloutId: `ro-${order}` }],
      intentId: null,
      defaults: { policy, serving },
      now: clock.at,
    });
    previous = commit;
    const registry = recorder.watch(platform.registry);
    await registry.projectAlias("churn", "champion", champion);
    await registry.projectAlias("churn", "challenger", challenger ?? null);
  }

  const history = async (page: Parameters<typeof historyOf>[3]): Promise<HistoryEntry[]> => {
    const found = await platform.db.read((tx) => historyOf(tx, "default", "churn", page));
    return found?.entries ?? [];
  };
  const all = { before: Number.MAX_SAFE_INTEGER, limit: 100 };

  it("tells spans by when they came into force, newest first", async () => {
    await push(1);
    await push(1, 2, 5);
    await push(1, 2, 25);
    await push(2);
    const entries = await history(all);
    expect(entries).toMatchObject([
      {
        role: "champion",
        version: 2,
        from: begun + 4 * MINUTE,
        to: null,
        ended: null,
        began: { commit: "c4" },
      },
      {
        role: "challenger",
        version: 2,
        from: begun + 2 * MINUTE,
        to: begun + 4 * MINUTE,
        shares: [
          { at: begun + 2 * MINUTE, weight: 5 },
          { at: begun + 3 * MINUTE, weight: 25 },
        ],
        askedBy: "ada",
        rollout: { id: "ro-2", state: "superseded" },
      },
      { role: "champion", version: 1, from: begun + MINUTE, to: begun + 4 * MINUTE, ended: { commit: "c4" } },
    ]);
    expect(entries[2]).toMatchObject({
      project: "churn",
      commit: "c0ffee1",
      pipelineRunId: "pr-1",
      run: { id: runs[0], name: "train-1", experimentName: "churn", isDeleted: false },
      datasets: [{ name: "raw.csv", digest: "d1", context: "training", source: "raw.csv" }],
      metrics: { accuracy: 0.91 },
    });
  });

  it("pages, and says what served at a moment", async () => {
    const first = await platform.db.read((tx) => historyOf(tx, "default", "churn", { ...all, limit: 2 }));
    expect(first?.entries.map(({ version, role }) => [version, role])).toEqual([
      [2, "champion"],
      [2, "challenger"],
    ]);
    const rest = await history({ before: first?.next ?? 0, limit: 2 });
    expect(rest.map(({ version, role }) => [version, role])).toEqual([[1, "champion"]]);
    const at = (minutes: number) => history({ at: begun + minutes * MINUTE });
    expect(await at(0)).toEqual([]);
    expect(await at(1)).toMatchObject([{ version: 1, role: "champion" }]);
    expect(await at(3.5)).toMatchObject([
      { version: 1, role: "champion" },
      { version: 2, role: "challenger" },
    ]);
    expect(await at(99)).toMatchObject([{ version: 2, role: "champion" }]);
    expect(await platform.db.read((tx) => historyOf(tx, "default", "none", all))).toBeUndefined();
  });

  it("outlives the version and its tracking run", async () => {
    await platform.tracking.logMetrics(runs[0] ?? "", { late: 1 });
    await platform.call("DELETE", "model-versions/delete", { name: "churn", version: "1" });
    await platform.call("POST", "runs/delete", { run_id: runs[0] });
    const job = await platform.collect();
    expect(job).toMatchObject({ state: "done", deleted: { runs: 1 } });
    await platform.call("GET", "runs/get", { run_id: runs[0] }, 404);
    const [old] = (await history(all)).slice(-1);
    expect(old).toMatchObject({
      version: 1,
      project: "churn",
      commit: "c0ffee1",
      run: { id: runs[0], isDeleted: true },
      metrics: { accuracy: 0.91, late: 1 },
      datasets: [{ digest: "d1" }],
    });
  });
});
