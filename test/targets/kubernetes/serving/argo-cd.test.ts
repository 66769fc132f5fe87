import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../src/base/clock.ts";
import { ClusterClient } from "../../../../src/targets/kubernetes/cluster/client.ts";
import { Credentials } from "../../../../src/targets/kubernetes/cluster/credentials.ts";
import type { ClusterAccess } from "../../../../src/targets/kubernetes/cluster/kubeconfig.ts";
import { connect } from "../../../../src/targets/kubernetes/cluster/transport.ts";
import {
  failuresOf,
  isUnheard,
  standingOf,
} from "../../../../src/targets/kubernetes/serving/argo-cd/application.ts";
import type { Application } from "../../../../src/targets/kubernetes/serving/argo-cd/application.ts";
import { ArgoCdCarrier } from "../../../../src/targets/kubernetes/serving/argo-cd/carrier.ts";
import { FakeApi } from "../cluster/fake-api.ts";

type Status = NonNullable<Application["status"]>;

const APPLICATION = { namespace: "argocd", name: "slipway-models" };
const REFRESH = "argocd.argoproj.io/refresh";
const file = (name: string): string =>
  JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "team-a" } });
const FILES = new Map([
  ["team-a/a.yaml", file("a")],
  ["team-a/b.yaml", file("b")],
]);
const service = (name: string, status: string, message = "") => ({
  group: "",
  kind: "Service",
  namespace: "team-a",
  name,
  status,
  message,
});
const operation = (phase: string, revision: string, more: object = {}) => ({
  phase,
  startedAt: "2026-11-22T06:00:00Z",
  syncResult: { revision, resources: [] },
  ...more,
});
const application = (status: Status, more: object = {}): Application => ({
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Application",
  metadata: { ...APPLICATION },
  status,
  ...more,
});

describe("how far Argo CD is", () => {
  const isIn = (revision: string) => revision >= "b";
  test.each<[string, Application, string]>([
    ["knows nothing yet", application({}), "waited"],
    [
      "is in step with an earlier commit",
      application({ sync: { status: "Synced", revision: "a" } }),
      "waited",
    ],
    [
      "is in step, and needed to do nothing",
      application({ sync: { status: "Synced", revision: "b" } }),
      "carried",
    ],
    ["is in step with a later commit", application({ sync: { status: "Synced", revision: "c" } }), "carried"],
    [
      "has compared, and not begun",
      application({
        sync: { status: "OutOfSync", revision: "b" },
        operationState: operation("Succeeded", "a"),
      }),
      "waited",
    ],
    [
      "is to begin",
      application({ sync: { status: "Synced", revision: "b" } }, { operation: { sync: {} } }),
      "waited",
    ],
    [
      "is at it",
      application({
        sync: { status: "OutOfSync", revision: "b" },
        operationState: operation("Running", "b"),
      }),
      "waited",
    ],
    [
      "has done it, and somebody changed something since",
      application({
        sync: { status: "OutOfSync", revision: "b" },
        operationState: operation("Succeeded", "b"),
      }),
      "carried",
    ],
    ["was refused an earlier commit", application({ operationState: operation("Failed", "a") }), "waited"],
    ["was refused it", application({ operationState: operation("Failed", "b") }), "failed"],
    [
      "was refused it, and tries again",
      application({ operationState: operation("Running", "b", { retryCount: 1 }) }),
      "failed",
    ],
  ])("%s", (_, app, is) => expect(standingOf(app, isIn).is).toBe(is));

  test("names what was refused, and what nothing was done of", () => {
    const resources = [service("a", "SyncFailed", 'services "a" is forbidden: exceeded quota: few')];
    const failed = application({
      resources: [service("a", "OutOfSync"), service("b", "OutOfSync")],
      operationState: operation("Failed", "b", { syncResult: { revision: "b", resources } }),
    });
    const failures = failuresOf(failed, FILES);
    expect(failures.get("team-a/a.yaml")).toMatchObject({ code: "QUOTA_EXCEEDED", isFinal: true });
    expect(failures.get("team-a/b.yaml")).toMatchObject({
      code: "DELIVERY_BLOCKED",
      isFinal: false,
      message: expect.stringContaining("exceeded quota") as string,
    });
    const inForce = { ...failed, status: { ...failed.status, resources: [service("b", "Synced")] } };
    expect([...failuresOf(inForce, FILES).keys()]).toEqual(["team-a/a.yaml"]);
  });
});

describe("asking Argo CD", () => {
  const api = new FakeApi([
    { apiVersion: "argoproj.io/v1alpha1", kind: "Application", plural: "applications", isNamespaced: true },
  ]);
  let stop: AbortController;
  let carrier: ArgoCdCarrier;
  let client: ClusterClient;
  const app = () =>
    api.find("Application", APPLICATION.name, APPLICATION.namespace) as Application | undefined;
  /** Every patch, and what Argo CD makes of it. */
  let patches: Record<string, unknown>[];
  let argoCd: (patch: Record<string, unknown>) => Status | undefined;

  const waiting = (waitMs: number) =>
    new ArgoCdCarrier({
      client,
      clock: systemClock,
      signal: stop.signal,
      log: () => undefined,
      application: APPLICATION,
      waitMs,
    });

  beforeEach(async () => {
    stop = new AbortController();
    patches = [];
    argoCd = () => undefined;
    const server = await api.start();
    const access: ClusterAccess = {
      context: "test",
      server: new URL(server),
      tls: { isInsecure: false },
      user: { token: "t" },
    };
    const credentials = new Credentials(access, { clock: systemClock, env: {} });
    client = new ClusterClient(connect(access, { credentials, clock: systemClock }));
    api.put({ ...application({}), metadata: { ...APPLICATION } });
    api.intercept = (method, _path, body) => {
      if (method !== "PATCH") return undefined;
      patches.push(body);
      const status = argoCd(body);
      // Taken up: the annotation goes with it.
      if (status !== undefined)
        setImmediate(() => api.put({ ...application(status), metadata: { ...APPLICATION } }));
      return undefined;
    };
    carrier = waiting(20_000);
  });
  afterEach(async () => {
    stop.abort(new Error("over"));
    api.objects.clear();
    await api.stop();
  });

  test("asks at once, waits until the commit is in force, and applies nothing", async () => {
    argoCd = () => ({ sync: { status: "Synced", revision: "one" } });
    expect(await carrier.carryOut("one", FILES)).toEqual(new Map());
    expect(patches).toMatchObject([{ metadata: { annotations: { [REFRESH]: "normal" } } }]);
    expect(patches[0]).not.toHaveProperty("operation");
    expect(api.names()).toEqual(["Application/slipway-models"]);
    // As it is already: nothing to ask for.
    expect(await carrier.carryOut("one", FILES)).toEqual(new Map());
    expect(patches).toHaveLength(1);
  });

  test("is content with a later commit, and not with an unknown one", async () => {
    argoCd = () => ({ sync: { status: "Synced", revision: "unknown" } });
    carrier = waiting(300);
    const first = carrier.carryOut("one", FILES);
    await expect(first).rejects.toMatchObject({ code: "GITOPS_STALLED" });
    carrier = waiting(20_000);
    argoCd = () => ({ sync: { status: "Synced", revision: "three" } });
    const both = Promise.all([carrier.carryOut("two", FILES), carrier.carryOut("three", FILES)]);
    expect(await both).toEqual([new Map(), new Map()]);
  });

  test("tells what was refused, and asks for a failed sync once more when it is asked again", async () => {
    const resources = [service("a", "SyncFailed", "denied"), service("b", "Synced")];
    argoCd = () => ({
      sync: { status: "OutOfSync", revision: "one" },
      operationState: operation("Failed", "one", { syncResult: { revision: "one", resources } }),
    });
    const refused = await carrier.carryOut("one", FILES);
    expect([...refused.keys()]).toEqual(["team-a/a.yaml"]);
    argoCd = (patch) =>
      patch["operation"] === undefined
        ? undefined
        : {
            sync: { status: "Synced", revision: "one" },
            operationState: operation("Succeeded", "one"),
          };
    expect(await carrier.carryOut("one", FILES)).toEqual(new Map());
    expect(patches.at(-1)).toMatchObject({ operation: { sync: { prune: true } } });
  });

  test("gives up in time with what is known, and sooner while it stays away", async () => {
    carrier = waiting(300);
    await expect(carrier.carryOut("one", FILES)).rejects.toMatchObject({
      code: "GITOPS_STALLED",
      message: expect.stringContaining("hasn't taken up what was asked of it") as string,
    });
    expect(isUnheard(app()!)).toBe(true);
    api.objects.clear();
    await expect(carrier.carryOut("two", FILES)).rejects.toMatchObject({
      message: expect.stringContaining("there is no such application") as string,
    });
  });

  test("lets go when whoever waits does", async () => {
    const given = new AbortController();
    const waiting = carrier.carryOut("one", FILES, given.signal);
    given.abort(new Error("no longer wanted"));
    await expect(waiting).rejects.toThrow("no longer wanted");
    await expect(carrier.carryOut("two", FILES, given.signal)).rejects.toThrow("no longer wanted");
    stop.abort(new Error("over"));
    await expect(carrier.carryOut("three", FILES)).rejects.toThrow("over");
  });
});
