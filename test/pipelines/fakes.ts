import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import type { ModelVersion, Registry } from "../../src/registry/registry.ts";
import type { RolloutRequest, RolloutRequests } from "../../src/rollout/request.ts";
import type { BlobStore } from "../../src/store/blobs.ts";
import type { Tracking, TrackingRun } from "../../src/tracking/tracking.ts";

type Listener = Parameters<Tracking["onLogged"]>[0];

/** Tracking in memory, with a small HTTP server that steps log to (see LOG_SCRIPT). */
export class FakeTracking implements Tracking {
  readonly runs = new Map<string, TrackingRun>();
  readonly #listeners = new Set<Listener>();
  readonly #artifacts: BlobStore;
  readonly #server: Server;

  constructor(artifacts: BlobStore) {
    this.#artifacts = artifacts;
    this.#server = createServer((request, response) => {
      void (async () => {
        let body = "";
        for await (const chunk of request) body += String(chunk);
        await this.#logged(JSON.parse(body) as { runId: string; what: Record<string, string> });
        response.end("{}");
      })();
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #logged({ runId, what }: { runId: string; what: Record<string, string> }): Promise<void> {
    const metrics: Record<string, number> = {};
    for (const [key, value] of Object.entries(what)) {
      if (key === "artifact")
        await this.#artifacts.put(`0/${runId}/artifacts/${value}`, Readable.from(["model"]));
      else metrics[key] = Number(value);
    }
    await this.logMetrics(runId, metrics);
  }

  ensureExperiment = async (): Promise<{ experimentId: string }> => ({ experimentId: "0" });

  async createRun(
    run: Parameters<Tracking["createRun"]>[0],
  ): Promise<{ runId: string; artifactUri: string }> {
    const runId = run.runId ?? "none";
    const artifactUri = `mlflow-artifacts:/0/${runId}/artifacts`;
    if (!this.runs.has(runId))
      this.runs.set(runId, {
        runId,
        experimentId: run.experimentId,
        status: "RUNNING",
        artifactUri,
        metrics: {},
        params: {},
        tags: { ...run.tags },
        loggedModels: [],
      });
    return { runId, artifactUri };
  }

  getRun = async (runId: string): Promise<TrackingRun | undefined> => this.runs.get(runId);
  setTags = async (runId: string, tags: Record<string, string>): Promise<void> => {
    Object.assign(this.#run(runId).tags, tags);
  };
  logMetrics = async (runId: string, metrics: Record<string, number>): Promise<void> => {
    Object.assign(this.#run(runId).metrics, metrics);
    for (const listener of this.#listeners) listener(runId, { metrics, params: {} });
  };
  logParams = async (runId: string, params: Record<string, string>): Promise<void> => {
    Object.assign(this.#run(runId).params, params);
    for (const listener of this.#listeners) listener(runId, { metrics: {}, params });
  };
  finishRun = async (runId: string, status: TrackingRun["status"]): Promise<void> => {
    this.#run(runId).status = status;
  };
  onLogged = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #run(runId: string): TrackingRun {
    const run = this.runs.get(runId);
    if (!run) throw new Error(`no tracking run ${runId}`);
    return run;
  }
}

/** A step's `node log.mjs accuracy=0.9 artifact=model/model.onnx`. */
export const LOG_SCRIPT = `
const what = Object.fromEntries(process.argv.slice(2).map((word) => word.split("=")));
const body = JSON.stringify({ runId: process.env.MLFLOW_RUN_ID, what });
const answer = await fetch(process.env.MLFLOW_TRACKING_URI, { method: "POST", body });
if (!answer.ok) process.exit(1);
`;

/** The registry in memory. */
export class FakeRegistry implements Registry {
  readonly versions: ModelVersion[] = [];
  ensureModel = async (): Promise<void> => {};
  createVersion: Registry["createVersion"] = async ({ model, source, runId, tags }) => {
    const known = this.versions.find((version) => version.runId === runId && version.source === source);
    if (known) return known;
    const version: ModelVersion = {
      model,
      version: this.versions.length + 1,
      source,
      artifactPath: source.replace("mlflow-artifacts:/", ""),
      runId,
      createdAt: 0,
      aliases: [],
      tags,
    };
    this.versions.unshift(version);
    return version;
  };
  getVersion: Registry["getVersion"] = async (_, number) =>
    this.versions.find(({ version }) => version === number);
  listVersions: Registry["listVersions"] = async () => this.versions;
  setVersionTags: Registry["setVersionTags"] = async (_, number, tags) => {
    Object.assign(this.versions.find(({ version }) => version === number)?.tags ?? {}, tags);
  };
  projectAlias = async (): Promise<void> => {};
  onChampionRequested = (): void => {};
}

/** Remembers what was asked for. */
export class FakeRollouts implements RolloutRequests {
  readonly asked: RolloutRequest[] = [];
  request = async (request: RolloutRequest): Promise<{ rolloutId: string }> => {
    if (!this.asked.some(({ key }) => key === request.key)) this.asked.push(request);
    return { rolloutId: `ro-${request.key}` };
  };
}
