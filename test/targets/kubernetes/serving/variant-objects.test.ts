import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../../src/base/clock.ts";
import { ClusterClient } from "../../../../src/targets/kubernetes/cluster/client.ts";
import { Credentials } from "../../../../src/targets/kubernetes/cluster/credentials.ts";
import { connect } from "../../../../src/targets/kubernetes/cluster/transport.ts";
import { Applier } from "../../../../src/targets/kubernetes/serving/applier.ts";
import { withFormerKind } from "../../../../src/targets/kubernetes/serving/former-kind.ts";
import { fileOf, objectsIn, readBranch } from "../../../../src/targets/kubernetes/serving/branch-state.ts";
import { causeOf, notCarriedOut, refusalOf } from "../../../../src/targets/kubernetes/serving/causes.ts";
import {
  renderVariant,
  type VariantPlace,
} from "../../../../src/targets/kubernetes/serving/render-variant.ts";
import type { PodVariant } from "../../../../src/targets/kubernetes/serving/variant.ts";
import { KSERVE_KIND, VARIANT_KINDS } from "../../../../src/targets/kubernetes/serving/variant-kinds.ts";
import { FakeApi } from "../cluster/fake-api.ts";

const NAMESPACE = "slipway-default";
const PATH = `${NAMESPACE}/digits-v2.yaml`;
const KINDS = [
  {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    plural: "inferenceservices",
    isNamespaced: true,
  },
  {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    plural: "horizontalpodautoscalers",
    isNamespaced: true,
  },
];
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;

const api = new FakeApi(KINDS);
let client: ClusterClient;
const logged: unknown[] = [];

beforeAll(async () => {
  const server = new URL(await api.start());
  const access = { context: "test", server, tls: { isInsecure: false }, user: {} };
  const credentials = new Credentials(access, { clock: systemClock, env: {} });
  client = new ClusterClient(connect(access, { credentials, clock: systemClock }));
});
afterAll(() => api.stop());
beforeEach(() => {
  api.objects.clear();
  api.calls.length = 0;
  api.intercept = () => undefined;
  api.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
});

const place = (isKserve: boolean): VariantPlace => ({
  namespace: NAMESPACE,
  image: "slipway:1",
  url: "http://slipway.slipway.svc:4600",
  isKserve,
});
const variant = (more: Partial<PodVariant> = {}): PodVariant => ({
  service: "digits",
  version: 2,
  tenant: "default",
  format: "onnx",
  digest: "0".repeat(64),
  workers: 2,
  ...more,
});
const scale = { max: 5, concurrency: 4, idleMs: 120_000 };
const applier = (isKserve: boolean) =>
  new Applier({
    client,
    clock: systemClock,
    signal: new AbortController().signal,
    log: (error) => void logged.push(error),
    kinds: [...VARIANT_KINDS, ...(isKserve ? [KSERVE_KIND] : [])],
  });

test("KServe is told a fixed number of pods, and to leave those of a scaled variant to our autoscaler", () => {
  const [record, service, ...more] = renderVariant(variant(), place(true));
  expect(more).toEqual([]);
  expect(service).toMatchObject({
    kind: "InferenceService",
    metadata: { name: "digits-v2", annotations: { "serving.kserve.io/autoscalerClass": "none" } },
    spec: { predictor: { minReplicas: 2, maxReplicas: 2, deploymentStrategy: { type: "RollingUpdate" } } },
  });
  // KServe's Deployment has them on its pods: whatever else stood there would replace these as it changes.
  expect(Object.keys(service?.metadata.annotations ?? {})).toEqual([
    "serving.kserve.io/deploymentMode",
    "serving.kserve.io/autoscalerClass",
  ]);
  const scaled = renderVariant(variant({ scale }), place(true));
  expect(scaled.map(({ kind }) => kind)).toEqual([
    "ConfigMap",
    "InferenceService",
    "HorizontalPodAutoscaler",
  ]);
  expect(scaled[1]?.metadata.annotations).toMatchObject({ "serving.kserve.io/autoscalerClass": "external" });
  expect(scaled[2]?.["spec"]).toMatchObject({
    scaleTargetRef: { kind: "Deployment", name: "digits-v2-predictor" },
    minReplicas: 2,
    maxReplicas: 5,
    behavior: { scaleDown: { stabilizationWindowSeconds: 120 } },
  });
  expect(readBranch(new Map([[PATH, fileOf(scaled)]])).variants).toEqual([variant({ scale })]);
  expect(record?.kind).toBe("ConfigMap");
});

test.each([undefined, 0.1, 4])("with KServe a pod that asks for %s cores may use more", (cpu) => {
  const [, service] = renderVariant(variant({ ...(cpu !== undefined && { cpu }) }), place(true));
  const spec = service?.["spec"] as
    | { predictor: { containers: { resources: { requests: { cpu: string }; limits: { cpu: string } } }[] } }
    | undefined;
  const { requests, limits } = spec?.predictor.containers[0]?.resources ?? {};
  expect(parseFloat(requests?.cpu ?? "")).toBeLessThan(1_000 * parseFloat(limits?.cpu ?? ""));
});

test("says what KServe says of a service without pods, and waits for a webhook that is away", () => {
  const involvedObject = { kind: "InferenceService", name: "digits-v2" };
  const said = { type: "Warning", reason: "InternalError", message: "no such runtime", involvedObject };
  expect(causeOf([], [said], 1)).toMatchObject({
    code: "OBJECT_REFUSED",
    message: "KServe makes no pods of it: no such runtime",
    isFinal: false,
  });
  expect(causeOf([], [{ ...said, type: "Normal" }], 1)).toMatchObject({ code: "NO_PODS" });
  const away = 'failed calling webhook "inferenceservice.kserve-webhook-server.validator": no endpoints';
  const cause = refusalOf("InferenceService a/b", away);
  expect(notCarriedOut(variant(), cause)).toMatchObject({
    code: "GITOPS_STALLED",
    facts: { hint: expect.stringContaining("webhook") as string },
  });
  const denied = refusalOf("InferenceService a/b", 'admission webhook "x" denied the request: no');
  expect(notCarriedOut(variant(), denied)).toMatchObject({ code: "VARIANT_NOT_READY" });
});

test("what KServe made of a service bears its labels and stays; what was left behind goes", async () => {
  const [, service] = renderVariant(variant(), place(true));
  const labels = service?.metadata.labels ?? {};
  const ownerReferences = [{ kind: "InferenceService", name: "digits-v2", controller: true }];
  const metadata = { namespace: NAMESPACE, labels };
  const made = { apiVersion: "apps/v1", kind: "Deployment", spec: {} };
  api.put({ ...made, metadata: { ...metadata, name: "digits-v2-predictor", ownerReferences } });
  api.put({ ...made, metadata: { ...metadata, name: "digits-v1" } });
  await applier(true).carryOut("a", new Map([[PATH, fileOf(renderVariant(variant(), place(true)))]]));
  expect(api.names()).toEqual([
    "ConfigMap/digits-v2",
    "Deployment/digits-v2-predictor",
    "InferenceService/digits-v2",
    `Namespace/${NAMESPACE}`,
  ]);
});

test("a scaled Deployment begins with its fewest pods, once", async () => {
  const numbers: unknown[] = [];
  api.intercept = (method, path, body) => {
    if (method === "PATCH" && path.startsWith(DEPLOYMENTS))
      numbers.push((body["spec"] as { replicas?: number }).replicas);
    return undefined;
  };
  const files = new Map([[PATH, fileOf(renderVariant(variant({ scale }), place(false)))]]);
  await applier(false).carryOut("a", files);
  expect(numbers).toEqual([2, 2, undefined]);
  await applier(false).carryOut("a", files);
  expect(numbers).toEqual([2, 2, undefined, undefined]);
});

test("what made a variant's pods stays in its file as long as another kind is to make them, and no longer", () => {
  const [own, kserves] = [false, true].map((isKserve) => fileOf(renderVariant(variant(), place(isKserve))));
  const both = withFormerKind(kserves ?? "", own);
  expect(objectsIn(both).map(({ kind }) => kind)).toEqual(["ConfigMap", "InferenceService", "Deployment"]);
  expect(readBranch(new Map([[PATH, both]])).variants).toEqual([variant()]);
  // A leader that was lost in between.
  expect(withFormerKind(kserves ?? "", both)).toBe(both);
  expect(withFormerKind(own ?? "", own)).toBe(own);
  expect(withFormerKind(own ?? "", undefined)).toBe(own);
});
