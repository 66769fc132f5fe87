import type { AccessUse } from "../component.ts";
import { accountWith, localAccess } from "../components/parts/access.ts";
import type { Right } from "../components/parts/access.ts";
import { TOKEN_SECRET } from "../engine/render.ts";
import type { Facts } from "../facts.ts";
import type { KubernetesObject } from "../object.ts";
import { WORKER_SECRET } from "../serving/names.ts";
import { MODELS_SECRET, readsStore } from "./secrets.ts";
import type { Workplace } from "./workplace.ts";

/** Of inference services: no rights, no token. */
export const SERVING = "serving";
/** Of the steps of pipelines. */
const STEPS = "pipeline";
/** Of the one Role that lets our control work in the namespace. */
const CONTROL_ROLE = "slipway-control";

/** Accounts of the tenant's workloads, and what our control may do there; nobody uses the namespace's default account. */
export function accountsOf(tenant: Workplace, facts: Partial<Facts>): KubernetesObject[] {
  const { name: namespace } = tenant;
  const control = controlInTenant(tenant, facts);
  const account = facts.tracking?.account;
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: SERVING, namespace },
      automountServiceAccountToken: false,
      // KServe finds the keys of the store where models lie by the account of the service.
      ...(tenant.services.some(readsStore) ? { secrets: [{ name: MODELS_SECRET }] } : {}),
    },
    ...(facts.workflows === undefined
      ? []
      : accountWith({ namespace, name: STEPS }, STEPS, stepsAccess(tenant, facts))),
    // The account itself is our platform's, in its own namespace.
    ...(account === undefined || control.length === 0
      ? []
      : accountWith(account, CONTROL_ROLE, control).filter(({ kind }) => kind !== "ServiceAccount")),
  ];
}

/** A step says what became of it, and that is all. Source: docs/workflow-rbac.md of Argo Workflows. */
export function stepsAccess({ name }: Workplace, { workflows }: Partial<Facts>): AccessUse[] {
  if (workflows === undefined) return [];
  return localAccess({ namespace: name, name: STEPS }, name, [
    ["create patch", "argoproj.io", "workflowtaskresults", "say what became of a step"],
  ]);
}

/** Runs pipelines, and makes and removes variants of services, as far as there are engines for it. */
export function controlInTenant({ name, services }: Workplace, facts: Partial<Facts>): AccessUse[] {
  const account = facts.tracking?.account;
  if (account === undefined) return [];
  const change = "create get list watch patch delete";
  const rights: Right[] = [
    ["get list watch", "", "pods", "say why something isn't ready"],
    ["get", "", "pods/log", "show logs"],
    // Which name a new one has can't be limited.
    ["create", "", "secrets", "let the tenant's steps and models in"],
  ];
  const isRunning = facts.workflows !== undefined;
  if (isRunning)
    rights.push(
      [change, "argoproj.io", "workflows", "run the tenant's pipelines"],
      ["delete", "", "pods", "end the pods of a pipeline run that is cancelled"],
    );
  rights.push(["list", "", "events", "say why something isn't ready"]);
  if (facts.inference !== undefined && facts.modelDelivery !== undefined)
    rights.push(["list", "serving.kserve.io", "inferenceservices", "say why something isn't ready"]);
  // Where Argo CD carries models out, control may not.
  if (facts.modelDelivery === undefined) rights.push(...variantRights(change, facts));
  const isRouted = facts.tracking?.isGatewayRouted === true;
  // The number of pods alone: what runs in them stays Git's to say.
  if (facts.inference === undefined && !isRouted)
    rights.push(["get patch", "apps", "deployments/scale", "end the pods of a variant that nobody asks"]);
  if (facts.gateway !== undefined)
    rights.push([
      isRouted ? change : services.length > 0 ? "get list watch patch delete" : "delete",
      "gateway.networking.k8s.io",
      "httproutes",
      isRouted || services.length > 0 ? "set the weights of a rollout" : "take routes of services away",
    ]);
  const token = localAccess(
    account,
    name,
    [["get patch", "", "secrets", "let the tenant's steps and models in"]],
    [WORKER_SECRET, ...(isRunning ? [TOKEN_SECRET.name] : [])],
  );
  return [...localAccess(account, name, rights), ...token];
}

/** What serves the tenant's own models is made as they are deployed, whatever services the file names. */
function variantRights(change: string, { inference }: Partial<Facts>): Right[] {
  const why = "make variants of a service";
  return [
    ...(inference === undefined
      ? []
      : ([[change, "serving.kserve.io", "inferenceservices", why]] satisfies Right[])),
    // With KServe they are looked for, in case they were made before it came.
    [change, "apps", "deployments", why],
    [change, "", "services", why],
    [change, "autoscaling", "horizontalpodautoscalers", why],
    [change, "", "configmaps", "keep a service's rule"],
  ];
}
