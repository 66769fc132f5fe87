import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { RolloutEvidence } from "../../../../src/rollout/evidence.ts";
import type { ServiceView } from "../../../../src/rollout/views.ts";
import { eventually, git, removeFolder, run } from "../../../e2e/platform.ts";
import { modelProject, workTree, type Files } from "../../../e2e/projects.ts";
import { hasEnded } from "../../../e2e/verdict.ts";
import type { ClusterPlatform } from "./platform.ts";
import type { Call } from "./traffic.ts";

const PATIENCE_MS = 20_000;
/** It waits until the rollout has begun: a pipeline's pods, and the variant's. */
const PUSH_MS = 270_000;
/** A rollout's end at the rates of these tests; minutes where much else runs. */
const TRIAL_MS = 240_000;

/** A service of a platform in the cluster, and the project behind it. */
export class ClusterService {
  readonly name: string;
  readonly #platform: Pick<ClusterPlatform, "url" | "token">;
  readonly #work: string;
  #commits = 0;

  private constructor(platform: Pick<ClusterPlatform, "url" | "token">, name: string, work: string) {
    this.#platform = platform;
    this.name = name;
    this.#work = work;
  }

  /** Its project in a work tree; nothing is pushed yet. */
  static async create(
    platform: Pick<ClusterPlatform, "url" | "token">,
    name: string,
    files: Files,
    spec: string,
  ): Promise<ClusterService> {
    return new ClusterService(platform, name, await workTree(modelProject(name, files, spec)));
  }

  /** The commit as it is; answers what the pusher reads. */
  async push(): Promise<string> {
    const address = new URL(`/git/${this.name}.git`, this.#platform.url);
    Object.assign(address, { username: "token", password: this.#platform.token });
    const push = ["push", address.href, "HEAD:main"];
    const { output, code } = await run("git", push, { cwd: this.#work, timeoutMs: PUSH_MS });
    expect(code, output).toBe(0);
    return output;
  }

  /** Commits another model and pushes it. */
  async change(files: Files, spec: string): Promise<string> {
    const all = { ...modelProject(this.name, files, spec), "README.md": `${++this.#commits}\n` };
    for (const [path, content] of Object.entries(all)) await writeFile(join(this.#work, path), content);
    await git(this.#work, "add", "-A");
    await git(this.#work, "commit", "--quiet", "-m", `change ${this.#commits}`);
    return this.push();
  }

  view(): Promise<ServiceView> {
    return this.#get<ServiceView>(`/services/${this.name}`);
  }

  evidence(): Promise<RolloutEvidence> {
    return this.#get<RolloutEvidence>(`/services/${this.name}/evidence`);
  }

  until(what: string, holds: (now: ServiceView) => boolean, withinMs = TRIAL_MS): Promise<ServiceView> {
    const ask = async (): Promise<ServiceView | undefined> => {
      const now = await this.view();
      return holds(now) ? now : undefined;
    };
    return eventually(`${what} of ${this.name}`, ask, withinMs);
  }

  /** Of the rollout of that version. */
  ended(version: number): Promise<ServiceView> {
    return this.until(
      `the end of the rollout of version ${version}`,
      (now) => now.rollout?.version === version && hasEnded(now),
    );
  }

  /** The truth about answers: ten times the question. */
  async label(calls: readonly Call[]): Promise<void> {
    const labels = calls.filter(({ status }) => status === 200);
    if (labels.length === 0) return;
    const body = labels.map(({ id, question }) => ({ id, label: question * 10 }));
    await this.call(`/services/${this.name}/labels`, { labels: body });
  }

  async call<T>(path: string, body?: object): Promise<T> {
    const answer = await fetch(`${this.#platform.url}/api/slipway/v1${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${this.#platform.token}`, "content-type": "application/json" },
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  #get<T>(path: string): Promise<T> {
    return this.call<T>(path);
  }

  remove(): void {
    removeFolder(this.#work);
  }
}
