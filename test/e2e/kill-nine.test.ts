import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Caller, type Reply } from "./caller.ts";
import {
  api,
  eventually,
  git,
  newFolder,
  processesOf,
  removeFolder,
  run,
  slipway,
  startPlatform,
  type TestPlatform,
} from "./platform.ts";

/** How many processes are killed; the main job's actions go on all the while. 200 take minutes: for a release. */
const KILLS = Number(process.env["SLIPWAY_TEST_KILLS"] ?? 25);
/** Some kills hit a start that isn't over, others a platform in the middle of its work. */
const BETWEEN_KILLS_MS = [30, 900] as const;
const QUIET_MS = 120_000;
/** Enough that every kill of a worker or of serve hits one on its way now and then. */
const BETWEEN_PREDICTIONS_MS = 20;

interface Acknowledged {
  metrics: Map<string, number>;
  commits: string[];
}

describe.skipIf(process.platform !== "linux")("kill -9 at random moments of the main job", () => {
  const data = newFolder("kill-nine");
  const outer = newFolder("kill-nine-work");
  const work = join(outer, "digits");
  let platform: TestPlatform | undefined;
  afterAll(async () => {
    await platform?.stop();
    for (const { pid } of processesOf(data)) process.kill(pid, "SIGKILL");
    removeFolder(data);
    removeFolder(outer);
  });

  test(`${KILLS} kills lose nothing that was acknowledged`, async () => {
    const random = seeded(20_261_121);
    platform = await startPlatform(data);
    const { port } = new URL(platform.url);
    const url = platform.url;
    const caller = new Caller(url);
    await slipway(["init", work, "--template", "digits"]);
    edit(work, (spec) =>
      spec
        .replace("epochs: 12", "epochs: 3")
        .replace("steps: [5, 25, 50]", "steps: [50]")
        .replace("deadline: 2h", "deadline: 5s")
        .replace("onNotEnoughData: hold", "onNotEnoughData: promote"),
    );
    const acknowledged: Acknowledged = { metrics: new Map(), commits: [] };
    await git(work, "commit", "-am", "quick and bold");
    const first = await git(work, "push", `${url}/git/digits.git`, "HEAD:main");
    expect(first.code, first.output).toBe(0);
    await eventually("a champion", async () => ((await settled(url)) ? true : undefined));
    const runId = await trackingRun(url);
    const stop = new AbortController();
    const jobs = [
      pushes(work, url, acknowledged, stop.signal),
      metrics(url, runId, acknowledged, stop.signal),
      predictions(caller, stop.signal),
    ];

    const killed: Record<string, number> = {};
    for (let kills = 0; kills < KILLS;) {
      const [least, most] = BETWEEN_KILLS_MS;
      await new Promise((settle) => setTimeout(settle, least + random() * (most - least)));
      const all = processesOf(data)
        .filter(({ role }) => role !== "git-hook")
        .map((one) => (one.role === "spare" ? { ...one, role: "worker" } : one));
      // Every role is as likely as any other, however many processes it has.
      const roles = [...new Set(all.map(({ role }) => role))];
      const role = roles[Math.floor(random() * roles.length)];
      const candidates = all.filter((one) => one.role === role);
      const victim = candidates[Math.floor(random() * candidates.length)];
      if (!victim) continue;
      try {
        process.kill(victim.pid, "SIGKILL");
      } catch {
        continue;
      }
      kills++;
      killed[victim.role] = (killed[victim.role] ?? 0) + 1;
      if (victim.role === "supervisor") {
        await platform.ended;
        platform = await startPlatform(data, Number(port));
      }
    }
    stop.abort();
    await Promise.all(jobs);
    console.log(
      `killed: ${JSON.stringify(killed)}; acknowledged: ${acknowledged.metrics.size} metrics, ${acknowledged.commits.length} pushes`,
    );
    for (const role of ["supervisor", "control", "serve", "worker"])
      expect(killed[role], role).toBeGreaterThan(0);
    expect(acknowledged.metrics.size).toBeGreaterThan(20);
    expect(acknowledged.commits.length).toBeGreaterThan(0);

    // Nothing acknowledged is lost.
    const kept = await eventually("the metrics", () => readMetrics(url, runId), 30_000);
    for (const [key, value] of acknowledged.metrics) expect(kept.get(key), key).toBe(value);
    const runs = await eventually("every pipeline run to end", () => endedRuns(url), QUIET_MS);
    for (const commit of acknowledged.commits) expect(runs.map((one) => one.commit)).toContain(commit);

    // Git, the database, the registry and what serves agree.
    const service = await eventually("the service to be settled", () => settled(url), QUIET_MS);
    const clone = newFolder("kill-nine-clone");
    await git(clone, "clone", "--quiet", `${url}/git/environment.git`, ".");
    const file = readFileSync(join(clone, "services/digits.yaml"), "utf8");
    expect(file).toMatch(new RegExp(`champion:[^]*version: ${service.champion?.version}\\b`));
    removeFolder(clone);
    const alias = await eventually("the alias", async () => {
      const answer = await fetch(`${url}/api/2.0/mlflow/registered-models/alias?name=digits&alias=champion`);
      const body = (await answer.json()) as { model_version?: { version: string } };
      return body.model_version?.version === String(service.champion?.version) ? true : undefined;
    });
    expect(alias).toBe(true);
    const answer = await eventually("a prediction", async () => {
      const one = await predict(caller);
      return one.status === 200 ? one : undefined;
    });
    caller.close();
    expect(answer.header("x-slipway-variant")).toBe(String(service.champion?.version));
    for (const name of ["digits", "environment"]) {
      const checked = await run("git", [
        "--git-dir",
        join(data, "git", `${name}.git`),
        "fsck",
        "--no-dangling",
      ]);
      expect(checked.code, checked.output).toBe(0);
    }

    // No orphan stays.
    await platform.stop();
    await eventually(
      "every process to end",
      async () => (processesOf(data).length === 0 ? true : undefined),
      15_000,
    );
    platform = undefined;
  }, 900_000);
});

/** A small seeded generator (mulberry32), so that a failure can be repeated as far as processes allow. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function edit(work: string, change: (text: string) => string): void {
  const path = join(work, "slipway.yaml");
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

async function trackingRun(url: string): Promise<string> {
  const made = await eventually("a tracking run", async () => {
    const answer = await fetch(`${url}/api/2.0/mlflow/runs/create`, {
      method: "POST",
      body: JSON.stringify({ experiment_id: "0", start_time: Date.now() }),
      headers: { "content-type": "application/json" },
      signal: AbortSignal.timeout(5000),
    });
    return answer.ok ? ((await answer.json()) as { run: { info: { run_id: string } } }) : undefined;
  });
  return made.run.info.run_id;
}

/** Pushes one commit after the other; a push counts once the platform has said which pipeline run it starts. */
async function pushes(
  work: string,
  url: string,
  acknowledged: Acknowledged,
  signal: AbortSignal,
): Promise<void> {
  for (let seed = 2; !signal.aborted; seed++) {
    edit(work, (spec) => spec.replace(/seed: \d+/, `seed: ${seed}`));
    await git(work, "add", "-A");
    await git(work, "commit", "-m", `seed ${seed}`);
    const { output: head } = await git(work, "rev-parse", "HEAD");
    const pushed = await git(work, "push", `${url}/git/digits.git`, "HEAD:main");
    if (/starts pipeline run pr-/.test(pushed.output)) acknowledged.commits.push(head.trim());
    else await new Promise((settle) => setTimeout(settle, 200));
  }
}

async function metrics(
  url: string,
  runId: string,
  acknowledged: Acknowledged,
  signal: AbortSignal,
): Promise<void> {
  for (let i = 0; !signal.aborted; i++) {
    const key = `m${i}`;
    const ok = await fetch(`${url}/api/2.0/mlflow/runs/log-metric`, {
      method: "POST",
      body: JSON.stringify({ run_id: runId, key, value: i, timestamp: Date.now(), step: 0 }),
      headers: { "content-type": "application/json" },
      signal: AbortSignal.timeout(5000),
    }).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ok) acknowledged.metrics.set(key, i);
    await new Promise((settle) => setTimeout(settle, 20));
  }
}

function predict(caller: Caller): Promise<Reply> {
  const input = {
    name: "features",
    shape: [1, 16],
    datatype: "FP32",
    data: Array.from({ length: 16 }, (_, i) => i * 6),
  };
  return caller.post("/v2/models/digits/infer", { body: JSON.stringify({ inputs: [input] }) });
}

async function predictions(caller: Caller, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await predict(caller).catch(() => undefined);
    await new Promise((settle) => setTimeout(settle, BETWEEN_PREDICTIONS_MS));
  }
}

async function readMetrics(url: string, runId: string): Promise<Map<string, number>> {
  const answer = await fetch(`${url}/api/2.0/mlflow/runs/get?run_id=${runId}`);
  const body = (await answer.json()) as { run: { data: { metrics: { key: string; value: number }[] } } };
  return new Map(body.run.data.metrics.map(({ key, value }) => [key, value]));
}

interface PipelineRun {
  id: string;
  commit: string;
  state: string;
}

async function endedRuns(url: string): Promise<PipelineRun[] | undefined> {
  const { pipelineRuns } = await api<{ pipelineRuns: PipelineRun[] }>(
    { url },
    "/pipeline-runs?project=digits&limit=500",
  );
  const ended = pipelineRuns.every((one) => ["succeeded", "failed", "cancelled"].includes(one.state));
  return ended ? pipelineRuns : undefined;
}

interface Service {
  champion: { version: number } | null;
  challenger: { version: number } | null;
  state: string;
}

async function settled(url: string): Promise<Service | undefined> {
  const service = await api<Service>({ url }, "/services/digits");
  return service.champion && !service.challenger && service.state === "steady" ? service : undefined;
}
