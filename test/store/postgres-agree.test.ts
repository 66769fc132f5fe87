import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freshPostgres } from "../support/shared-postgres.ts";
import { startPlatform, type TestPlatform } from "../tracking/platform.ts";

/** Tracking and registry of two processes on one PostgreSQL, asked at the same time. */
describe("two platforms on one PostgreSQL", () => {
  let platforms: TestPlatform[];
  beforeAll(async () => {
    const store = await freshPostgres();
    platforms = await Promise.all([startPlatform({ store }), startPlatform({ store })]);
  });
  afterAll(() => Promise.all(platforms.map((platform) => platform.close())));

  /** The same call so often at each of them, all at once; bodies and statuses in any order. */
  async function everywhere(
    times: number,
    path: string,
    fields: (n: number) => object,
  ): Promise<{ status: number; body: Record<string, unknown> }[]> {
    const calls = platforms.flatMap(({ app }, at) =>
      Array.from({ length: times }, async (_, n) => {
        const answer = await app.inject({
          method: "POST",
          url: `/api/2.0/mlflow/${path}`,
          payload: fields(at * times + n),
        });
        return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
      }),
    );
    return Promise.all(calls);
  }
  const [first, second] = [() => platforms[0] as TestPlatform, () => platforms[1] as TestPlatform];
  const okay = (answers: { status: number }[]) => answers.filter(({ status }) => status === 200);

  it("have one default experiment", async () => {
    const { experiments } = await second().call<{ experiments: { experiment_id: string }[] }>(
      "GET",
      "experiments/search",
      { max_results: "10" },
    );
    expect(experiments.map(({ experiment_id }) => experiment_id)).toEqual(["0"]);
  });

  it("give a name once, and every id once", async () => {
    const same = await everywhere(8, "experiments/create", () => ({ name: "same" }));
    expect(okay(same)).toHaveLength(1);
    for (const { status, body } of same.filter((answer) => answer.status !== 200)) {
      expect([status, body["error_code"]]).toEqual([400, "RESOURCE_ALREADY_EXISTS"]);
    }
    const others = await everywhere(8, "experiments/create", (n) => ({ name: `own-${n}` }));
    expect(new Set(others.map(({ body }) => body["experiment_id"])).size).toBe(16);
  });

  it("give every version of a model its own number, without a gap", async () => {
    expect(okay(await everywhere(5, "registered-models/create", () => ({ name: "m" })))).toHaveLength(1);
    const { run } = await first().call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {});
    const { run_id } = run.info;
    const made = await everywhere(15, "model-versions/create", () => ({
      name: "m",
      source: `runs:/${run_id}/model`,
      run_id,
    }));
    const numbers = made.map(({ body }) => Number((body["model_version"] as { version: string }).version));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
  });

  it("write a param once, and keep the latest of a metric", async () => {
    const { run } = await first().call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {});
    const { run_id } = run.info;
    const params = await everywhere(6, "runs/log-parameter", (n) => ({ run_id, key: "p", value: `${n}` }));
    expect(okay(params)).toHaveLength(1);
    const steps = await everywhere(20, "runs/log-metric", (n) => ({
      run_id,
      key: "loss",
      value: n,
      timestamp: n,
      step: n,
    }));
    expect(okay(steps)).toHaveLength(40);
    for (const platform of platforms) {
      const seen = await platform.call<{ run: { data: { metrics: object[]; params: object[] } } }>(
        "GET",
        "runs/get",
        { run_id },
      );
      expect(seen.run.data.metrics).toMatchObject([{ key: "loss", value: 39 }]);
      expect(seen.run.data.params).toHaveLength(1);
      const history = await platform.call<{ metrics: object[] }>("GET", "metrics/get-history", {
        run_id,
        metric_key: "loss",
      });
      expect(history.metrics).toHaveLength(40);
    }
  });

  it("see at once what the other one has acknowledged", async () => {
    for (let n = 0; n < 10; n++) {
      const [writer, reader] = n % 2 === 0 ? [first(), second()] : [second(), first()];
      const { run } = await writer.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {});
      await reader.call("POST", "runs/set-tag", { run_id: run.info.run_id, key: "k", value: `${n}` });
      const seen = await writer.call<{ run: { data: { tags: { key: string; value: string }[] } } }>(
        "GET",
        "runs/get",
        { run_id: run.info.run_id },
      );
      expect(seen.run.data.tags).toContainEqual({ key: "k", value: `${n}` });
    }
  });

  it("move an alias and delete a model while the other one adds versions", async () => {
    await first().call("POST", "registered-models/create", { name: "busy" });
    const { run } = await first().call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {});
    const { run_id } = run.info;
    const version = { name: "busy", source: `runs:/${run_id}/model`, run_id };
    await first().call("POST", "model-versions/create", version);
    const answers = await Promise.all([
      everywhere(10, "model-versions/create", () => version),
      second().app.inject({
        method: "DELETE",
        url: "/api/2.0/mlflow/registered-models/delete",
        payload: { name: "busy" },
      }),
    ]);
    expect(answers[1].statusCode).toBe(200);
    for (const { status, body } of answers[0]) {
      if (status !== 200) expect([status, body["error_code"]]).toEqual([404, "RESOURCE_DOES_NOT_EXIST"]);
    }
    const left = await first().db.read((tx) =>
      tx.all("SELECT version FROM model_versions WHERE name = 'busy'"),
    );
    expect(left).toEqual([]);
    expect([...first().defects, ...second().defects]).toEqual([]);
  });
});
