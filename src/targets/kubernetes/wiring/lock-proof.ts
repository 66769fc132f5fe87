import { podTemplate } from "../pod-template.ts";
import type { RenderedObject } from "../render/rendered.ts";
import { Field } from "./field.ts";
import type { Finding } from "./finding.ts";
import { BUILT_IN_KINDS, KNOWN_MINORS } from "./built-in-kinds.ts";
import { placeOf } from "./network-proof.ts";
import type { World } from "./world.ts";

/** Every image that our objects name and every chart stands in the lock; what the lock says of versions holds here. */
export function* lockFindings(world: World): Iterable<Finding> {
  const { rendered } = world;
  const rows = new Set(rendered.locked.map(({ row }) => row));
  for (const { row, component, from } of rendered.charts)
    if (!rows.has(row))
      yield {
        code: "chart-not-locked",
        message: `${component} uses the chart ${row}, which isn't in the lock`,
        from,
        severity: "error",
      };
  const known = knownImages(world);
  for (const object of rendered.objects) if (object.chart === undefined) yield* ofImages(object, known);
  yield* ofKubernetes(world);
  yield* ofSecrets(world);
}

/** Images that are locked with their version or digest, our own, and those that a tenant named for its service. */
function knownImages({ rendered }: World): ReadonlySet<string> {
  const { platform, locked } = rendered;
  const rows = locked
    .filter(({ kind }) => kind === "image")
    .flatMap(({ source, version, digest }) => [
      `${source}:${version}`,
      ...(digest === undefined ? [] : [`${source}@${digest}`, `${source}:${version}@${digest}`]),
    ]);
  const tenants = platform.tenants.flatMap(({ services }) => services.flatMap(({ image }) => image ?? []));
  return new Set([...rows, ...Object.values(platform.images), ...tenants]);
}

function* ofImages(one: RenderedObject, known: ReadonlySet<string>): Iterable<Finding> {
  const { object, from } = one;
  for (const image of imagesOf(one)) {
    if (known.has(image.text ?? "")) continue;
    yield {
      code: "image-not-locked",
      message: `${object.kind} ${object.metadata.name} runs the image ${image.text}, which is neither in the lock nor in platform.yaml`,
      from,
      severity: "error",
      at: image.path,
    };
  }
}

/** Images of pods, and of what becomes one: a workflow's templates, a model's containers, an operator's objects. */
function imagesOf({ object }: RenderedObject): Field[] {
  const root = new Field(object);
  const template = podTemplate(object);
  const spec = template === undefined ? root.at("spec") : root.at(...template.path, "spec");
  const inner = spec.at("workflowSpec").exists ? spec.at("workflowSpec") : spec;
  const holders = [inner, spec.at("predictor"), spec.at("transformer"), ...inner.at("templates").items];
  const containers = holders.flatMap((holder) => [
    ...["containers", "initContainers", "sidecars"].flatMap((list) => holder.at(list).items),
    holder.at("container"),
    holder.at("script"),
    holder.at("model"),
  ]);
  const ownImage = ["Prometheus", "Alertmanager"].includes(object.kind) ? [spec.at("image")] : [];
  const named = object.kind === "Cluster" ? [spec.at("imageName")] : [];
  return [...containers.map((one) => one.at("image")), ...ownImage, ...named].filter(
    ({ text }) => text !== undefined,
  );
}

function* ofKubernetes(world: World): Iterable<Finding> {
  const from = ["kubernetes", "version"] as const;
  if (world.minor < KNOWN_MINORS.from || world.minor > KNOWN_MINORS.to)
    yield {
      code: "kubernetes-version-unknown",
      message: `what Kubernetes 1.${world.minor} serves is held against what is known of 1.${KNOWN_MINORS.from} to 1.${KNOWN_MINORS.to}, ${BUILT_IN_KINDS.length} kinds`,
      from,
      severity: "unverified",
    };
  for (const { row, kubernetes, version } of world.rendered.locked) {
    if (kubernetes === undefined) continue;
    const [low, high] = [kubernetes.from, kubernetes.to].map((text) => Number(text.split(".")[1]));
    if (world.minor >= (low ?? 0) && world.minor <= (high ?? Number.POSITIVE_INFINITY)) continue;
    yield {
      code: "kubernetes-version-unsupported",
      message: `${row} ${version} supports Kubernetes ${kubernetes.from} to ${kubernetes.to}, and the cluster is stated as 1.${world.minor}`,
      from,
      severity: "error",
    };
  }
}

/** Secrets that a component counts on are made by somebody, or stated as given. */
function* ofSecrets(world: World): Iterable<Finding> {
  for (const use of world.rendered.secrets) {
    const keys = world.keys("Secret", use.namespace, use.name);
    const absent = use.keys.filter((key) => keys !== "any" && keys?.includes(key) !== true);
    if (absent.length === 0) continue;
    yield {
      code: "secret-not-given",
      message: `${use.component} uses Secret ${use.namespace}/${use.name} with ${absent.join(", ")}, and given.secrets doesn't say that it is there`,
      from: use.from.length > 0 ? use.from : placeOf(use.component),
      severity: "error",
    };
  }
}
