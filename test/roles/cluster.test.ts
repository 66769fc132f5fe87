// Two control and two serve processes as in a cluster, PostgreSQL between them, a model in two worker pods.
import { writeFileSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { git, newFolder, removeFolder } from "../e2e/platform.ts";
import { eventually, ruleFor, variantFor } from "../support/serving-platform.ts";
import { v2 } from "../support/worker-process.ts";
import {
  ADMIN,
  call,
  freePorts,
  startCluster,
  startRole,
  type Member,
  type ServeMember,
  type TestCluster,
} from "../support/cluster-processes.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
  await cluster.leader();
  const spec = {
    ...variantFor("digits", 1, "/models/digits"),
    endpoints: cluster.pods.map(({ endpoint }) => endpoint),
  };
  for (const { serving } of cluster.serves) {
    await serving.prepare(spec, AbortSignal.timeout(60_000));
    await serving.route(ruleFor("digits"));
  }
});
afterAll(() => cluster.close());

const INPUT = v2("x", "FP32", [1, 4], [1, 0, 0, 0]);
const serve = (index: number) => cluster.serves[index] as ServeMember;
const predict = (url: string) => call(url, "/v2/models/digits/infer", INPUT);
const urlOf = ({ port }: Member) => `http://127.0.0.1:${port}`;
const follower = (leader: Member) => cluster.controls.find((one) => one !== leader) as Member;
const createExperiment = (url: string, name: string) =>
  call(url, "/api/2.0/mlflow/experiments/create", { name });
const findExperiment = (url: string, name: string) =>
  call(url, `/api/2.0/mlflow/experiments/get-by-name?experiment_name=${name}`);
const probe = async (port: number, path: string) =>
  (await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined))?.status ?? 0;

/** Asks again and again until it is stopped; answers what didn't go well. */
function load(ask: (round: number) => Promise<{ status: number; body: string }>) {
  const over = new AbortController();
  const failures: string[] = [];
  const acknowledged: number[] = [];
  const running = (async () => {
    for (let round = 0; !over.signal.aborted; round++) {
      const { status, body } = await ask(round);
      if (status === 200) acknowledged.push(round);
      else failures.push(`${status} ${body.slice(0, 200)}`);
    }
  })();
  return {
    acknowledged,
    async stop() {
      over.abort();
      await running;
      return failures;
    },
  };
}

describe("a platform in a cluster", () => {
  test("one leads, every process is ready, and each takes what only the leader can do", async () => {
    const leader = await cluster.leader();
    for (const { port } of cluster.controls) {
      expect(await probe(port, "/health")).toBe(200);
      await eventually("ready", async () => (await probe(port, "/ready")) === 200);
    }
    for (const { adminPort } of cluster.serves) {
      expect(await probe(adminPort, "/health")).toBe(200);
      await eventually("told everything", async () => (await probe(adminPort, "/ready")) === 200);
    }
    const addresses = [serve(0).url, serve(1).url, urlOf(leader), urlOf(follower(leader))];
    for (const [index, url] of addresses.entries()) {
      const made = await createExperiment(url, `by-${index}`);
      expect(made.status, made.body).toBe(200);
      const found = await findExperiment(serve(0).url, `by-${index}`);
      expect(found.status, found.body).toBe(200);
    }
    const info = await call(serve(1).url, "/api/slipway/v1/info");
    expect(JSON.parse(info.body)).toMatchObject({ target: "kubernetes" });
  });

  test("tells Prometheus at each process what is its own, and what is the platform's at the leader alone", async () => {
    const leader = await cluster.leader();
    // On a connection of its own, as Prometheus does it.
    const scrape = (port: number) =>
      new Promise<string>((resolve, reject) => {
        get({ port, path: "/metrics", agent: false }, (answer) => {
          expect(answer.headers["content-type"]).toContain("text/plain");
          let text = "";
          answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
          answer.on("end", () => resolve(text));
        }).on("error", reject);
      });
    const [led, followed] = [await scrape(leader.port), await scrape(follower(leader).port)];
    expect(led).toContain("slipway_control_leads 1");
    expect(followed).toContain("slipway_control_leads 0");
    await predict(serve(0).url);
    expect(await scrape(leader.port)).toContain('slipway_predictions_finished_total{service="digits"');
    expect(led).toContain("slipway_store_writes_total");
    for (const page of [followed, await scrape(serve(0).adminPort)]) {
      expect(page).toContain("slipway_process_resident_memory_bytes");
      expect(page).not.toMatch(/^slipway_(predictions|store|service|workers)/m);
    }
    // Everybody else needs a token for it, and gets the platform's.
    const outside = `${serve(0).url}/metrics`;
    expect((await fetch(outside)).status).toBe(401);
    const answer = await fetch(outside, { headers: { authorization: `Bearer ${ADMIN}` } });
    expect(await answer.text()).toContain("slipway_predictions_finished_total");
  });

  test("answers nobody without a token, and predictions where the model is in pods", async () => {
    for (const { url } of cluster.serves) {
      expect((await predict(url)).status).toBe(200);
      expect((await call(url, "/v2/models/digits/infer", INPUT, "slipway_wrong")).status).toBe(401);
      expect(
        (await call(url, "/api/2.0/mlflow/experiments/search?max_results=1", undefined, "x")).status,
      ).toBe(401);
    }
    const admin = `http://127.0.0.1:${serve(0).adminPort}`;
    expect((await call(admin, "/state", null)).status).toBe(401);
    expect((await call(admin, "/state", undefined)).status).toBe(404);
  });

  test("believes what a connection says about its caller from its own processes only", async () => {
    const { port } = cluster.controls[0] as Member;
    const say = (text: string) =>
      new Promise<string>((resolve) => {
        const socket = connect(port, "127.0.0.1");
        let heard = "";
        socket.on("data", (chunk: Buffer) => (heard += chunk.toString("utf8")));
        socket.on("error", () => socket.destroy());
        socket.on("close", () => resolve(heard));
        socket.write(text);
      });
    const request = `GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${ADMIN}\r\nConnection: close\r\n\r\n`;
    expect(await say(request)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await say(`PROXY TCP4 10.9.8.7 10.9.8.6 1 2\r\n${request}`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await say(`SLIPWAY-TUNNEL slipway_wrong 0\r\n${request}`)).toBe("");
  });

  test("hands over without a failed call when the leader is told to end", async () => {
    const leader = await cluster.leader();
    const other = follower(leader);
    const writes = load((round) => createExperiment(serve(round % 2).url, `handover-${round}`));
    const predictions = load((round) => predict(serve(round % 2).url));
    await eventually("writes", () => writes.acknowledged.length > 5);
    leader.process.kill("SIGTERM");
    await eventually("the other one leads", () => other.log().includes("is ready, epoch"));
    const before = writes.acknowledged.length;
    await eventually("more writes", () => writes.acknowledged.length > before + 5);
    expect(await leader.exited).toEqual({ code: 0, signal: null });
    cluster.restart(leader.name);
    expect(await writes.stop()).toEqual([]);
    expect(await predictions.stop()).toEqual([]);
  });

  test("loses nothing acknowledged when the leader is killed; another one leads, and predictions go on", async () => {
    const leader = await cluster.leader();
    const other = follower(leader);
    await eventually("it follows", async () => (await probe(other.port, "/ready")) === 200);
    const writes = load((round) => createExperiment(serve(round % 2).url, `killed-${round}`));
    const predictions = load((round) => predict(serve(round % 2).url));
    await eventually("writes", () => writes.acknowledged.length > 5);
    const killedAt = performance.now();
    leader.process.kill("SIGKILL");
    await eventually("the other one leads", () => other.log().includes("is ready, epoch"));
    const tookMs = performance.now() - killedAt;
    cluster.restart(leader.name);
    const before = writes.acknowledged.length;
    await eventually("more writes", () => writes.acknowledged.length > before + 5);
    await writes.stop();
    expect(await predictions.stop()).toEqual([]);
    for (const round of writes.acknowledged)
      expect((await findExperiment(serve(1).url, `killed-${round}`)).status, `killed-${round}`).toBe(200);
    // Some seconds on an idle machine; no promise about a busy one.
    expect(tookMs).toBeLessThan(30_000);
  });

  test("finds every acknowledged push on the next leader's own volume", async () => {
    const leader = await cluster.leader();
    const other = follower(leader);
    await eventually("it follows", async () => (await probe(other.port, "/ready")) === 200);
    const folder = newFolder("cluster-git");
    try {
      const url = `${urlOf(other)}/git/churn.git`.replace("//", `//admin:${ADMIN}@`);
      const steps = 'pipeline: { steps: [{ name: train, run: "true" }] }';
      writeFileSync(
        join(folder, "slipway.yaml"),
        `apiVersion: slipway/v1\nkind: Project\nname: churn\n${steps}\n`,
      );
      await git(folder, "init", "--quiet", "--initial-branch=main");
      await git(folder, "add", "slipway.yaml");
      await git(folder, "commit", "-m", "first");
      const pushed = await git(folder, "push", url, "HEAD:main");
      expect(pushed.code, pushed.output).toBe(0);
      leader.process.kill("SIGKILL");
      await eventually("the other one leads", () => other.log().includes("is ready, epoch"));
      cluster.restart(leader.name);
      const head = (await git(folder, "rev-parse", "HEAD")).output.trim();
      expect((await git(folder, "ls-remote", url, "refs/heads/main")).output).toContain(head);
      await git(folder, "commit", "--allow-empty", "-m", "second");
      expect((await git(folder, "push", url, "HEAD:main")).output).toContain("main");
    } finally {
      removeFolder(folder);
    }
  });

  test("a leader that was suspended can't write when it wakes", async () => {
    const leader = await cluster.leader();
    const other = follower(leader);
    await eventually("it follows", async () => (await probe(other.port, "/ready")) === 200);
    leader.process.kill("SIGSTOP");
    await eventually("the other one leads", () => other.log().includes("is ready, epoch"));
    // Lies in the socket of the one that sleeps, and is there when it wakes.
    const late = createExperiment(urlOf(leader), "by-the-dead");
    const made = await createExperiment(urlOf(other), "by-the-living");
    expect(made.status, made.body).toBe(200);
    leader.process.kill("SIGCONT");
    const answer = await late;
    const found = await findExperiment(urlOf(other), "by-the-dead");
    // It may have been handed on to the one that leads; it was never written by the other.
    expect(answer.status === 200).toBe(found.status === 200);
    expect((await leader.exited).code).toBe(1);
    expect(leader.log()).toContain("another one leads by now");
  });
});

describe("variables", () => {
  test("that are missing or wrong are named, and nothing is started", async () => {
    const [port] = await freePorts(1);
    const own = async (role: string, env: Record<string, string>) => {
      const member = startRole(role, role, port ?? 0, env);
      return { ...(await member.exited), log: member.log() };
    };
    const [missing, wrong] = await Promise.all([
      own("serve", {}),
      own("control", { SLIPWAY_INTERNAL_TOKEN: "x".repeat(40), SLIPWAY_ADMIN_TOKEN: "too-short" }),
    ]);
    expect(missing).toMatchObject({ code: 2 });
    expect(missing.log).toContain("SETTING_MISSING: SLIPWAY_INTERNAL_TOKEN isn't set");
    expect(wrong).toMatchObject({ code: 2 });
    expect(wrong.log).toContain("SETTING_INVALID: SLIPWAY_ADMIN_TOKEN can't be that (given: not shown)");
    expect(wrong.log).not.toContain("too-short");
  });
});
