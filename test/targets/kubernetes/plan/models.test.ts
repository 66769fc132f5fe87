import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../../src/base/clock.ts";
import { ClusterClient } from "../../../../src/targets/kubernetes/cluster/client.ts";
import { Credentials } from "../../../../src/targets/kubernetes/cluster/credentials.ts";
import type { ClusterAccess } from "../../../../src/targets/kubernetes/cluster/kubeconfig.ts";
import { connect } from "../../../../src/targets/kubernetes/cluster/transport.ts";
import { modelsDelivery } from "../../../../src/targets/kubernetes/components/argo-cd/models.ts";
import { contestedModels } from "../../../../src/targets/kubernetes/plan/models.ts";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { FakeApi } from "../cluster/fake-api.ts";

const api = new FakeApi();
let client: ClusterClient;
const MANAGED = { "app.kubernetes.io/managed-by": "slipway-control" };
const TRACKED = "argocd.argoproj.io/tracking-id";

beforeAll(async () => {
  const access: ClusterAccess = {
    context: "test",
    server: new URL(await api.start()),
    tls: { isInsecure: false },
    user: { token: "t" },
  };
  const credentials = new Credentials(access, { clock: systemClock, env: {} });
  client = new ClusterClient(connect(access, { credentials, clock: systemClock }));
});
beforeEach(() => api.objects.clear());
afterAll(() => api.stop());

function put(name: string, metadata: object): void {
  api.put({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "team-a", labels: MANAGED, ...metadata },
  });
}

function platform({ isDelivered }: { isDelivered: boolean }): Pick<Rendered, "platform" | "objects"> {
  const control = { namespace: "slipway", name: "slipway-control" };
  const url = "http://slipway.slipway.svc:4600";
  const delivery = { namespace: "argocd", url, places: ["team-a"], isKserve: false, control };
  const objects = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "team-a" } },
    ...(isDelivered ? modelsDelivery(delivery) : []),
  ];
  return {
    platform: { name: "test", components: { slipway: {} } } as unknown as Rendered["platform"],
    objects: objects.map((object) => ({ object, component: "slipway", from: [] })),
  };
}

const found = async (isDelivered: boolean): Promise<string[]> =>
  (await contestedModels(client, platform({ isDelivered }))).map(
    ({ action, key, problem }) => `${action} ${key}: ${problem?.message.replace(/.* is of /, "")}`,
  );

test("what nobody claims, and what its own Application keeps, stands in nobody's way", async () => {
  put("iris-v1", {});
  expect(await found(false)).toEqual([]);
  put("iris-v2", { annotations: { [TRACKED]: "slipway-models:apps/Deployment:team-a/iris-v2" } });
  expect(await found(true)).toEqual([]);
});

test("a model's object that somebody else keeps stands in the way, by name", async () => {
  put("iris-v1", { annotations: { [TRACKED]: "other:apps/Deployment:team-a/iris-v1" } });
  put("iris-v2", { annotations: { "meta.helm.sh/release-name": "iris" } });
  put("iris-v3", { ownerReferences: [{ kind: "Rollout", name: "iris", controller: true }] });
  put("iris-v4", { annotations: { [TRACKED]: "other:…" }, labels: {} });
  expect(await found(true)).toEqual([
    "blocked Deployment.apps/team-a/iris-v1: Argo CD application other",
    "blocked Deployment.apps/team-a/iris-v2: Helm release iris",
    "blocked Deployment.apps/team-a/iris-v3: Rollout iris",
  ]);
});

test("what was delivered before Argo CD went is control's again", async () => {
  put("iris-v1", { annotations: { [TRACKED]: "slipway-models:apps/Deployment:team-a/iris-v1" } });
  expect(await found(false)).toEqual([]);
});
