import { describe, expect, test } from "vitest";
import { environmentUrl } from "../../../../src/targets/kubernetes/components/argo-cd/models.ts";
import { Field } from "../../../../src/targets/kubernetes/wiring/field.ts";
import { routePath } from "../../../../src/targets/kubernetes/serving/gateway/route.ts";
import { broken, find, problems, small } from "./platform.ts";

const PLATFORM = `images: { slipway: "registry.example.com/slipway:1.0.0" }
given:
  secrets:
    - { namespace: slipway, name: database, keys: [url] }
    - { namespace: slipway, name: objects, keys: [accessKeyId, secretAccessKey] }
    - { namespace: slipway, name: slipway-internal, keys: [token] }
    - { namespace: slipway, name: slipway-admin, keys: [token] }
    - { namespace: argocd, name: slipway-environment, keys: [url, username, password] }
components:
  gateway: {}
  objectStore: { endpoint: "https://s3.example.com", bucket: models, credentials: { secret: objects } }
  postgresql: { url: { secret: database, key: url } }
  argoCd: { repository: "https://git.example.com/env.git", path: deploy }
  slipway: {}
tenants:
  - { name: team-a, quota: { cpu: 4, memory: 8Gi } }
`;
const rendered = small(PLATFORM);
const spec = (kind: string) => new Field(find(rendered, kind, "slipway-models")).at("spec");

describe("models, where Argo CD is a component", () => {
  test("are wired to what is there", () => expect(broken(rendered)).toEqual([]));

  test("come out of the platform's own repository, and are kept as it says", () => {
    const url = environmentUrl("http://slipway.slipway.svc:4600");
    expect(spec("Application").value).toMatchObject({
      project: "slipway-models",
      source: { repoURL: url, targetRevision: "kubernetes", directory: { recurse: true } },
      syncPolicy: { automated: { prune: true, selfHeal: true } },
      // Argo CD refuses an Application whose destination names no namespace that its project knows.
      destination: { namespace: "slipway-default" },
    });
    expect(find(rendered, "Application", "slipway-models").metadata.annotations).toMatchObject({
      "argocd.argoproj.io/compare-options": "ServerSideDiff=true",
    });
    expect(spec("AppProject").at("sourceRepos").value).toEqual([url]);
  });

  test("can be nothing but what a variant is made of, in the tenants' namespaces", () => {
    expect(spec("AppProject").value).toMatchObject({
      clusterResourceWhitelist: [],
      namespaceResourceWhitelist: [
        { group: "apps", kind: "Deployment" },
        { group: "", kind: "Service" },
        { group: "", kind: "ConfigMap" },
        { group: "autoscaling", kind: "HorizontalPodAutoscaler" },
      ],
    });
    const places = spec("AppProject")
      .at("destinations")
      .items.map((one) => one.at("namespace").text);
    expect(places).toEqual(["slipway-default", "team-a"]);
  });

  test("are asked for by control, which may change nothing about them by itself", () => {
    const role = rendered.objects.find(
      ({ object }) =>
        object.kind === "Role" &&
        object.metadata.namespace === "argocd" &&
        object.metadata.name === "slipway-control",
    )?.object;
    expect(role?.["rules"]).toEqual([
      {
        apiGroups: ["argoproj.io"],
        resources: ["applications"],
        resourceNames: ["slipway-models"],
        verbs: ["get", "patch"],
      },
    ]);
    const account = { namespace: "slipway", name: "slipway-control" };
    const own = rendered.access.filter(
      ({ serviceAccount, where }) => serviceAccount.name === account.name && where.includes("team-a"),
    );
    const changed = own.filter(({ verbs }) => verbs.some((verb) => /create|patch|delete/.test(verb)));
    const changes = changed.map(({ resource, verbs }) => `${resource}: ${verbs.join(" ")}`);
    // The Secret that no file has; how many pods a variant has, between none and one, which is no commit; and routes of a
    // platform whose gateway divided traffic before.
    expect([...new Set(changes)]).toEqual([
      "secrets: create",
      "deployments/scale: get patch",
      "httproutes: delete",
      "secrets: get patch",
    ]);
    expect(spec("ValidatingAdmissionPolicy").at("matchConditions").items[0]?.at("expression").text).toContain(
      "system:serviceaccount:slipway:slipway-control",
    );
  });

  test("are looked at by control with KServe, too, which says why they have no pods", () => {
    const served = small(PLATFORM.replace("slipway: {}", "slipway: {}\n  certManager: {}\n  kserve: {}"));
    expect(broken(served)).toEqual([]);
    const own = served.access.filter(
      ({ serviceAccount, where, resource }) =>
        serviceAccount.name === "slipway-control" &&
        where.includes("team-a") &&
        resource === "inferenceservices",
    );
    expect(own.map(({ verbs }) => verbs)).toEqual([["list"]]);
  });

  test("control is told so, in words that it takes", () => {
    const variables = Object.fromEntries(
      new Field(find(rendered, "StatefulSet", "control"))
        .at("spec", "template", "spec", "containers")
        .items.flatMap((one) => one.at("env").items)
        .map((one) => [one.at("name").text, one.at("value").text ?? "x".repeat(40)]),
    );
    expect(variables["SLIPWAY_GITOPS"]).toBe("argocd");
    expect(variables["SLIPWAY_GITOPS_APPLICATION"]).toBe("argocd/slipway-models");
  });

  test("are control's own to carry out without Argo CD", () => {
    const without = small(PLATFORM.replace(/ {2}argoCd.*\n/, "").replace(/.*slipway-environment.*\n/, ""));
    expect(broken(without)).toEqual([]);
    expect(() => find(without, "Application", "slipway-models")).toThrow("there is no");
    const own = without.access.filter(
      ({ serviceAccount, where }) => serviceAccount.name === "slipway-control" && where.includes("team-a"),
    );
    expect(own.map(({ resource }) => resource)).toEqual(
      expect.arrayContaining(["deployments", "services", "horizontalpodautoscalers", "configmaps"]),
    );
  });

  test("leave a service's routes to control where a gateway divides by weights", () => {
    const routed = small(PLATFORM.replace("slipway: {}", "slipway: { routing: gateway }"));
    expect(broken(routed)).toEqual([]);
    const models = find(routed, "Application", "slipway-models");
    const { exclude } = new Field(models).at("spec", "source", "directory").value as { exclude: string };
    expect(exclude).toBe("*.route.yaml");
    expect(routePath("team-a", "iris")).toBe("team-a/iris.route.yaml");
    const changed = routed.access.filter(
      ({ serviceAccount, where, verbs }) =>
        serviceAccount.name === "slipway-control" && where.includes("team-a") && verbs.includes("patch"),
    );
    expect([...new Set(changed.map(({ resource }) => resource))].sort()).toEqual(["httproutes", "secrets"]);
  });

  test("an Argo CD that is there already carries them out, and nothing else", () => {
    const installed = small(
      PLATFORM.replace(/argoCd: .*/, "argoCd: { installed: {} }").replace(
        "given:",
        "given:\n  namespaces: [argocd]",
      ),
    );
    expect(broken(installed)).toEqual([]);
    const own = installed.objects.filter(({ object }) => object.metadata.namespace === "argocd");
    expect(own.map(({ object }) => `${object.kind} ${object.metadata.name}`).sort()).toEqual([
      "AppProject slipway-models",
      "Application slipway-models",
      "Role slipway-control",
      "RoleBinding slipway-control",
    ]);
    expect(problems("components: { argoCd: {} }\n")).toHaveLength(1);
    expect(
      problems("components: { argoCd: { installed: {}, repository: 'https://g.example.com/e.git' } }\n"),
    ).toHaveLength(1);
  });

  test("a token to read them with must be given", () => {
    const findings = broken(small(PLATFORM.replace(/.*slipway-environment.*\n/, "")));
    expect(findings).toMatchObject([
      { code: "secret-not-given", message: expect.stringContaining("argocd/slipway-environment") as string },
    ]);
  });
});
