import { beforeEach, expect, test } from "vitest";
import type { Cause } from "../../../../src/targets/kubernetes/serving/causes.ts";
import type { Carrier } from "../../../../src/targets/kubernetes/serving/deps.ts";
import { isRoutePath, routePath } from "../../../../src/targets/kubernetes/serving/gateway/route.ts";
import { SplitCarrier } from "../../../../src/targets/kubernetes/serving/split-carrier.ts";

/** Says what it was given, and ends when it is told to. */
class Told implements Carrier {
  readonly commits: string[] = [];
  readonly firsts: string[] = [];
  files: string[] = [];
  end: () => Promise<ReadonlyMap<string, Cause>> = async () => new Map();

  carryOut(commit: string, files: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, Cause>> {
    this.commits.push(commit);
    this.files = [...files.keys()];
    return this.end();
  }

  async first(path: string): Promise<Cause | undefined> {
    this.firsts.push(path);
    return undefined;
  }
}

const VARIANT = "team-a/iris-v1.yaml";
const ROUTE = routePath("team-a", "iris");
const cause = (message: string): Cause => ({ code: "OBJECT_REFUSED", message, isFinal: true });
const commit = (variant: string, route: string) =>
  new Map([
    [VARIANT, variant],
    [ROUTE, route],
  ]);
const never = () => new Promise<ReadonlyMap<string, Cause>>(() => undefined);

let engine: Told;
let routes: Told;
let carrier: SplitCarrier;
let logged: string[];

beforeEach(() => {
  [engine, routes, logged] = [new Told(), new Told(), []];
  const log = (error: unknown, where: string) => void logged.push(`${where}: ${String(error)}`);
  carrier = new SplitCarrier({ engine, routes, isRoute: isRoutePath, log });
});

test("each carries its own files, and both tell what was refused", async () => {
  engine.end = async () => new Map([[VARIANT, cause("a quota")]]);
  routes.end = async () => new Map([[ROUTE, cause("a webhook")]]);
  const refused = await carrier.carryOut("1", commit("a", "b"));
  expect([engine.files, routes.files]).toEqual([[VARIANT], [ROUTE]]);
  expect([...refused.keys()].sort()).toEqual([VARIANT, ROUTE].sort());
});

test("a commit of routes alone waits for no engine, which is told of it", async () => {
  await carrier.carryOut("1", commit("a", "b"));
  engine.end = never;
  await carrier.carryOut("2", commit("a", "c"));
  expect(engine.commits).toEqual(["1", "2"]);
  engine.end = () => Promise.reject(new Error("it is away"));
  await carrier.carryOut("3", commit("a", "d"));
  await expect.poll(() => logged).toEqual(["telling of commit 3: Error: it is away"]);
});

test("what the engine refused, or never answered, isn't taken for carried out", async () => {
  engine.end = async () => new Map([[VARIANT, cause("a quota")]]);
  await carrier.carryOut("1", commit("a", "b"));
  engine.end = () => Promise.reject(new Error("it is away"));
  await expect(carrier.carryOut("2", commit("a", "b"))).rejects.toThrow("it is away");
  await expect(carrier.carryOut("3", commit("a", "c"))).rejects.toThrow("it is away");
});

test("a route is in force before its commit without the engine", async () => {
  await carrier.first(ROUTE, "b");
  expect([engine.firsts, routes.firsts]).toEqual([[], [ROUTE]]);
});

test("no variant's file is taken for a route's", () => {
  for (const service of ["route", "route-x", "x.route"])
    expect(isRoutePath(`team-a/${service}-v1.yaml`)).toBe(false);
});
