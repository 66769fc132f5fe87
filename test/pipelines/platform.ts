import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { systemClock } from "../../src/base/clock.ts";
import type { Events, SlipwayEvent } from "../../src/base/events.ts";
import { systemIds } from "../../src/base/ids.ts";
import { pipelineMigrations } from "../../src/pipelines/commands.ts";
import type { PipelineRun } from "../../src/pipelines/pipeline-run.ts";
import { createPipelines, type Pipelines } from "../../src/pipelines/pipelines.ts";
import { createTrackingLedger } from "../../src/pipelines/tracking-ledger.ts";
import type { Project } from "../../src/spec/project.ts";
import { createEvents, eventMigrations } from "../../src/store/events.ts";
import { createFolderBlobs } from "../../src/store/folder-blobs.ts";
import { openSqlite, type SqliteDatabase } from "../../src/store/sqlite.ts";
import { createLocalEngine, type LocalEngine } from "../../src/targets/local/engine/engine.ts";
import { FakeRegistry, FakeRollouts, FakeTracking } from "./fakes.ts";
import { Repository, stepEnv, temporaryFolder, until } from "./support.ts";

/** Everything around the controller: real database, engine, artifacts and repository; tracking and registry in memory. */
export class Platform {
  readonly #folder = temporaryFolder();
  readonly artifacts = createFolderBlobs(join(this.#folder.path, "artifacts"));
  readonly tracking = new FakeTracking(this.artifacts);
  readonly registry = new FakeRegistry();
  readonly rollouts = new FakeRollouts();
  readonly repository = new Repository(join(this.#folder.path, "repository"));
  readonly defects: unknown[] = [];
  url = "";
  database!: SqliteDatabase;
  events!: Events;
  engine!: LocalEngine;
  pipelines!: Pipelines;
  #count = 0;

  get path(): string {
    return this.#folder.path;
  }

  static async open(): Promise<Platform> {
    const platform = new Platform();
    mkdirSync(join(platform.path, "artifacts"));
    platform.url = await platform.tracking.listen();
    await build({
      entryPoints: [fileURLToPath(new URL("fixtures/writer.ts", import.meta.url))],
      outfile: join(platform.path, "writer.mjs"),
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20.19",
      alias: { "@photostructure/sqlite": import.meta.resolve("@photostructure/sqlite") },
      external: ["file:*"],
      logLevel: "warning",
    });
    await platform.start();
    return platform;
  }

  async start(): Promise<void> {
    this.database = await openSqlite({
      file: join(this.path, "slipway.db"),
      writerFile: join(this.path, "writer.mjs"),
      migrations: [...eventMigrations, ...pipelineMigrations],
      clock: systemClock,
    });
    this.events = createEvents(this.database, systemClock);
    const ids = systemIds(Date.now);
    this.engine = await createLocalEngine({
      dataDir: this.path,
      clock: systemClock,
      ids,
      stepEnv: stepEnv(),
      cpus: 4,
      platform: process.platform,
      pid: process.pid,
      ledger: createTrackingLedger({ tracking: this.tracking, artifacts: this.artifacts }),
      limits: { graceMs: 200 },
    });
    this.pipelines = createPipelines({
      database: this.database,
      events: this.events,
      engine: this.engine,
      tracking: this.tracking,
      registry: this.registry,
      rollouts: this.rollouts,
      artifacts: this.artifacts,
      clock: systemClock,
      ids,
      repository: () => this.repository.gitDir,
      url: () => this.url,
      logDefect: (error) => this.defects.push(error),
      limits: { queued: 5, retryMs: 20 },
    });
  }

  /** Stops in good order; `start` goes on. */
  async stop(): Promise<void> {
    await this.pipelines.close();
    await this.engine.close();
    await this.database.close();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.tracking.close();
    this.#folder.remove();
  }

  async trigger(spec: Project, commit: string, key = `push-${++this.#count}`): Promise<string> {
    const request = {
      project: spec.name,
      commit,
      ref: "refs/heads/main",
      pusher: "ada",
      spec,
      cache: true,
      key,
    };
    return (await this.pipelines.trigger(request)).id;
  }

  async ended(id: string): Promise<PipelineRun> {
    let run: PipelineRun | undefined;
    await until(`pipeline run ${id} has ended`, async () => {
      run = await this.pipelines.get(id);
      return run?.announced === true;
    });
    return run as PipelineRun;
  }

  async eventsOf(subject: string): Promise<SlipwayEvent[]> {
    return this.events.list(subject, { limit: 500 });
  }
}
