import type { KubernetesObject } from "../../object.ts";
import { ROUTE_FILES } from "../../serving/gateway/route.ts";
import { KSERVE_KIND, VARIANT_KINDS } from "../../serving/variant-kinds.ts";

/** Project and Application by which Argo CD carries out which models run. */
export const MODELS = "slipway-models";
/** Of the environment repository: what control renders, and nobody else writes. */
const BRANCH = "kubernetes";
/** Of the Secret by which Argo CD reads the repository; it bears the label `argocd.argoproj.io/secret-type: repository`. */
export const MODELS_KEYS = ["url", "username", "password"];
const API = "argoproj.io/v1alpha1";
const ADMISSION = "admissionregistration.k8s.io/v1";
const SERVER = "https://kubernetes.default.svc";

export interface ModelsDelivery {
  /** Argo CD's own. */
  namespace: string;
  /** Of the platform, as Argo CD reaches it: `http://slipway.slipway.svc:4600`. */
  url: string;
  /** Namespaces of the tenants' workloads, the default tenant's first. */
  places: readonly string[];
  /** Variants are InferenceServices. */
  isKserve: boolean;
  /** Who control is to the API server. */
  control: { namespace: string; name: string };
}

/** Where Argo CD reads the branch: the repository that control itself serves. */
export function environmentUrl(url: string): string {
  return `${url}/git/environment.git`;
}

/** What Argo CD needs to carry out the branch, and what keeps that to models. */
export function modelsDelivery(delivery: ModelsDelivery): KubernetesObject[] {
  return [project(delivery), application(delivery), ...onlyAsks(delivery)];
}

/** Whatever stands in the branch: it becomes what a variant is made of, in the namespaces of tenants, or nothing. */
function project({ namespace, url, places, isKserve }: ModelsDelivery): KubernetesObject {
  return {
    apiVersion: API,
    kind: "AppProject",
    metadata: { name: MODELS, namespace },
    spec: {
      description: "Models that are served, as Slipway's control wrote them down",
      sourceRepos: [environmentUrl(url)],
      destinations: places.map((place) => ({ server: SERVER, namespace: place })),
      clusterResourceWhitelist: [],
      namespaceResourceWhitelist: [...VARIANT_KINDS, ...(isKserve ? [KSERVE_KIND] : [])].map(
        ({ group, kind }) => ({ group, kind }),
      ),
    },
  };
}

function application({ namespace, url, places: [place = ""] }: ModelsDelivery): KubernetesObject {
  return {
    apiVersion: API,
    kind: "Application",
    metadata: {
      name: MODELS,
      namespace,
      // By the server, which knows its own fields and defaults: a schema that Argo CD brings along is one of older servers.
      annotations: { "argocd.argoproj.io/compare-options": "ServerSideDiff=true" },
    },
    spec: {
      project: MODELS,
      source: {
        repoURL: environmentUrl(url),
        targetRevision: BRANCH,
        path: ".",
        // Weights are control's to apply: an emergency stop is in force before it is committed.
        directory: { recurse: true, exclude: ROUTE_FILES },
      },
      // Every object names its own; the project must know this one all the same.
      destination: { server: SERVER, namespace: place },
      syncPolicy: {
        // Empty: the last model may go, too.
        automated: { prune: true, selfHeal: true, allowEmpty: true },
        // An object that somebody's policy has come to refuse since doesn't keep the others from being made.
        syncOptions: ["ServerSideApply=true", "ApplyOutOfSyncOnly=true"],
        // Until a failed sync is given up no later commit is begun; control asks for it again.
        retry: { limit: 1, backoff: { duration: "1s", factor: 1, maxDuration: "1s" } },
      },
    },
  };
}

/**
 * Roles know no fields: whoever may ask for a sync may change everything about an Application, and so take it out of its
 * project. Control may ask.
 */
function onlyAsks({ control }: ModelsDelivery): KubernetesObject[] {
  const user = `system:serviceaccount:${control.namespace}:${control.name}`;
  return [
    {
      apiVersion: ADMISSION,
      kind: "ValidatingAdmissionPolicy",
      metadata: { name: MODELS },
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: ["argoproj.io"],
              apiVersions: ["v1alpha1"],
              operations: ["UPDATE"],
              resources: ["applications"],
            },
          ],
        },
        matchConditions: [
          { name: "control", expression: `request.userInfo.username == ${JSON.stringify(user)}` },
        ],
        validations: [
          {
            expression: "object.spec == oldObject.spec",
            message: "Slipway's control asks for a sync, and changes nothing about the Application",
          },
        ],
      },
    },
    {
      apiVersion: ADMISSION,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name: MODELS },
      spec: { policyName: MODELS, validationActions: ["Deny"] },
    },
  ];
}
