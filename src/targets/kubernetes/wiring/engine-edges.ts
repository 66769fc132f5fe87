import { edge, toKey, toObject } from "./edge.ts";
import type { Edge, Source } from "./edge.ts";
import type { Field } from "./field.ts";
import { containerEdges, podSpecEdges } from "./pod-edges.ts";
import type { World } from "./world.ts";

const WORKFLOWS = new Set(["Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"]);

/** KServe, Argo's and Flux's kinds, CloudNativePG's: what they name. */
export function* engineEdges(source: Source, world: World): Iterable<Edge> {
  const { group, kind } = source;
  if (group === "serving.kserve.io") yield* ofKserve(source, world);
  if (group === "argoproj.io" && WORKFLOWS.has(kind)) yield* ofWorkflow(source, world);
  if (group === "argoproj.io" && kind === "Application") yield* ofApplication(source, world);
  if (group === "argoproj.io" && kind === "AppProject") yield* ofProject(source);
  if (group.endsWith(".toolkit.fluxcd.io")) yield* ofFlux(source);
  if (group === "postgresql.cnpg.io") yield* ofPostgresql(source);
}

function* ofKserve(source: Source, world: World): Iterable<Edge> {
  const spec = source.root.at("spec");
  if (source.kind.endsWith("ServingRuntime"))
    for (const part of [spec, spec.at("workerSpec")]) yield* podSpecEdges(source, part);
  if (source.kind !== "InferenceService") return;
  for (const part of ["predictor", "transformer", "explainer"]) yield* podSpecEdges(source, spec.at(part));
  const model = spec.at("predictor", "model");
  if (!model.exists) return;
  yield* containerEdges(
    source,
    model,
    spec.at("predictor", "volumes").items.flatMap((one) => one.at("name").text ?? []),
  );
  const runtimes = [
    ...world.ofKind(source.group, "ClusterServingRuntime"),
    ...world
      .ofKind(source.group, "ServingRuntime")
      .filter(({ object }) => object.metadata.namespace === source.namespace),
  ];
  const runtime = model.at("runtime");
  const unread = world.rendered.charts.some(
    ({ state, component }) => state === "reference" && component === "kserve",
  );
  if (unread) return;
  if (runtime.text !== undefined)
    yield edge(source, "serving-runtime", runtime, {
      is: "oneOf",
      what: "ServingRuntime",
      name: runtime.text,
      among: runtimes.map(({ object }) => object.metadata.name),
    });
  const format = model.at("modelFormat", "name");
  const formats = runtimes
    .filter(({ object }) => runtime.text === undefined || object.metadata.name === runtime.text)
    .flatMap(({ object }) =>
      ((object["spec"] as RuntimeSpec | undefined)?.supportedModelFormats ?? []).map(({ name }) => name),
    );
  if (format.text !== undefined)
    yield edge(source, "serving-runtime", format, {
      is: "oneOf",
      what: "runtime's model format",
      name: format.text,
      among: formats,
    });
}

interface RuntimeSpec {
  supportedModelFormats?: { name: string }[];
}

/** Argo Workflows: templates by name inside of one, and in others; every template is a pod of its own. */
function* ofWorkflow(source: Source, world: World): Iterable<Edge> {
  const spec =
    source.kind === "CronWorkflow" ? source.root.at("spec", "workflowSpec") : source.root.at("spec");
  const templates = spec.at("templates").items;
  const among = templates.flatMap((one) => one.at("name").text ?? []);
  const named = spec.at("workflowTemplateRef");
  yield* toTemplate(source, world, named.at("name"), named.at("clusterScope"), undefined);
  const local = (field: Field): Edge[] =>
    field.text === undefined
      ? []
      : [
          edge(source, "workflow-template", field, {
            is: "oneOf",
            what: "template of this workflow",
            name: field.text,
            among,
          }),
        ];
  if (!named.exists) for (const field of [spec.at("entrypoint"), spec.at("onExit")]) yield* local(field);
  yield* podSpecEdges(source, spec);
  const volumes = [spec.at("volumes"), spec.at("volumeClaimTemplates")].flatMap(({ items }) =>
    items.flatMap((one) => one.at("name").text ?? one.at("metadata", "name").text ?? []),
  );
  for (const template of templates) {
    const own = [...volumes, ...template.at("volumes").items.flatMap((one) => one.at("name").text ?? [])];
    yield* podSpecEdges(source, template, volumes);
    for (const part of ["container", "script"])
      if (template.at(part).exists) yield* containerEdges(source, template.at(part), own);
    const steps = template.at("steps").items.flatMap((group) => group.items);
    const tasks = template.at("dag", "tasks").items;
    const names = tasks.flatMap((task) => task.at("name").text ?? []);
    for (const task of [...steps, ...tasks]) {
      yield* local(task.at("template"));
      const reference = task.at("templateRef");
      yield* toTemplate(
        source,
        world,
        reference.at("name"),
        reference.at("clusterScope"),
        reference.at("template"),
      );
      for (const before of task.at("dependencies").items)
        if (before.text !== undefined)
          yield edge(source, "workflow-template", before, {
            is: "oneOf",
            what: "task of this graph",
            name: before.text,
            among: names,
          });
    }
  }
  const repository = spec.at("artifactRepositoryRef");
  const map = repository.at("configMap");
  if (map.text !== undefined)
    yield edge(source, "config-key", map, {
      is: "key",
      kind: "ConfigMap",
      namespace: source.namespace,
      name: map.text,
      key: repository.at("key").text,
    });
}

function* toTemplate(
  source: Source,
  world: World,
  name: Field,
  clusterScope: Field,
  template: Field | undefined,
): Iterable<Edge> {
  if (name.text === undefined) return;
  const isCluster = clusterScope.value === true;
  const kind = isCluster ? "ClusterWorkflowTemplate" : "WorkflowTemplate";
  const namespace = isCluster ? "" : source.namespace;
  yield* toObject(source, "workflow-template", name, source.group, kind, namespace);
  const found = world.find(source.group, kind, namespace, name.text);
  if (template?.text === undefined || found === undefined) return;
  const { templates = [] } = (found.object["spec"] ?? {}) as { templates?: { name: string }[] };
  yield edge(source, "workflow-template", template, {
    is: "oneOf",
    what: `template of ${kind} ${name.text}`,
    name: template.text,
    among: templates.map((one) => one.name),
  });
}

function* ofApplication(source: Source, world: World): Iterable<Edge> {
  const spec = source.root.at("spec");
  const project = spec.at("project");
  // `default` comes with Argo CD.
  if (project.text !== "default")
    yield* toObject(source, "application-project", project, source.group, "AppProject");
  const namespace = spec.at("destination", "namespace");
  yield* toObject(source, "application-destination", namespace, "", "Namespace", "");
  const found = world.find(source.group, "AppProject", source.namespace, project.text ?? "");
  const rules = (found?.object["spec"] ?? {}) as {
    destinations?: { namespace?: string }[];
    sourceRepos?: string[];
  };
  if (found === undefined) return;
  if (namespace.text !== undefined)
    yield edge(
      source,
      "application-destination",
      namespace,
      permitted(
        `destination of AppProject ${project.text}`,
        namespace.text,
        (rules.destinations ?? []).flatMap((one) => one.namespace ?? []),
      ),
    );
  for (const repository of [
    spec.at("source", "repoURL"),
    ...spec.at("sources").items.map((one) => one.at("repoURL")),
  ])
    if (repository.text !== undefined)
      yield edge(
        source,
        "application-project",
        repository,
        permitted(`source of AppProject ${project.text}`, repository.text, rules.sourceRepos ?? []),
      );
}

/** A namespace that a project names in full; a pattern may stand for those that come later. */
function* ofProject(source: Source): Iterable<Edge> {
  for (const destination of source.root.at("spec", "destinations").items) {
    const namespace = destination.at("namespace");
    if (namespace.text?.includes("*") === false)
      yield* toObject(source, "application-destination", namespace, "", "Namespace", "");
  }
}

function permitted(what: string, name: string, patterns: readonly string[]) {
  const fits = (pattern: string) =>
    new RegExp(
      `^${pattern
        .split("*")
        .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"))
        .join(".*")}$`,
    ).test(name);
  return { is: "oneOf", what, name, among: patterns.some(fits) ? [name] : patterns } as const;
}

const SOURCES = "source.toolkit.fluxcd.io";

function* ofFlux(source: Source): Iterable<Edge> {
  const spec = source.root.at("spec");
  for (const reference of [spec.at("sourceRef"), spec.at("chartRef"), spec.at("chart", "spec", "sourceRef")])
    yield* toObject(
      source,
      "source",
      reference.at("name"),
      SOURCES,
      reference.at("kind").text ?? "GitRepository",
      reference.at("namespace").text ?? source.namespace,
    );
  for (const before of spec.at("dependsOn").items)
    yield* toObject(
      source,
      "source",
      before.at("name"),
      source.group,
      source.kind,
      before.at("namespace").text ?? source.namespace,
    );
  yield* toObject(source, "service-account", spec.at("serviceAccountName"), "", "ServiceAccount");
  for (const target of ["targetNamespace", "storageNamespace"])
    yield* toObject(source, "namespace", spec.at(target), "", "Namespace", "");
  for (const secret of [
    spec.at("secretRef"),
    spec.at("certSecretRef"),
    spec.at("decryption", "secretRef"),
    spec.at("verify", "secretRef"),
  ])
    yield* toKey(source, "Secret", secret);
  for (const values of spec.at("valuesFrom").items) {
    const kind = values.at("kind").text === "Secret" ? "Secret" : "ConfigMap";
    if (values.at("kind").text !== undefined)
      yield edge(source, "config-key", values.at("kind"), {
        is: "oneOf",
        what: "source of values",
        name: values.at("kind").text ?? "",
        among: ["ConfigMap", "Secret"],
      });
    const name = values.at("name");
    if (name.text === undefined || values.at("optional").value === true) continue;
    const key = values.at("valuesKey").text ?? "values.yaml";
    yield edge(source, kind === "Secret" ? "secret-key" : "config-key", name, {
      is: "key",
      kind,
      namespace: source.namespace,
      name: name.text,
      key,
    });
  }
}

function* ofPostgresql(source: Source): Iterable<Edge> {
  const spec = source.root.at("spec");
  if (source.kind !== "Cluster") {
    yield* toObject(source, "cluster", spec.at("cluster", "name"), source.group, "Cluster");
    return;
  }
  for (const storage of ["storage", "walStorage"])
    yield* toObject(
      source,
      "storage-class",
      spec.at(storage, "storageClass"),
      "storage.k8s.io",
      "StorageClass",
      "",
    );
  for (const secret of [spec.at("superuserSecret"), spec.at("bootstrap", "initdb", "secret")])
    yield* toKey(source, "Secret", secret);
  const backup = spec.at("backup", "barmanObjectStore");
  for (const [, reference] of backup.at("s3Credentials").entries) yield* toKey(source, "Secret", reference);
  yield* toKey(source, "Secret", backup.at("endpointCA"));
  for (const plugin of spec.at("plugins").items)
    yield* toObject(
      source,
      "object-store",
      plugin.at("parameters", "barmanObjectName"),
      "barmancloud.cnpg.io",
      "ObjectStore",
    );
  for (const role of spec.at("managed", "roles").items)
    yield* toKey(source, "Secret", role.at("passwordSecret"));
}
