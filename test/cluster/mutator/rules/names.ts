import { unusedPort, type Found, type Rule, type Surroundings } from "../edge.ts";
import { isObject, type Json, type Place, type Step } from "../json.ts";

/** Fields that hold the name of another object, in any kind. */
const NAMED =
  /^(serviceAccount|secret|configMap|claim|storageClass|gatewayClass|ingressClass|priorityClass|runtimeClass|service|volume|bucket|section|existingSecret|existingClaim|credential|policy|barmanObject)Name$|^storageClass$/;
/** Objects that point at another one by `name`, `kind`, `namespace`. */
const REFERENCE = /(Ref|Refs|Reference|subjects|parentRefs|secret|configMap)$/;
/** Places where a name is only the object's own. */
const OWN = new Set([
  "containers",
  "initContainers",
  "volumes",
  "ports",
  "env",
  "listeners",
  "groups",
  "rules",
  "templates",
]);

/** Name, kind and namespace of what is pointed at. */
export const references: Rule = ({ path, value, around }) => {
  const key = path.at(-1);
  if (typeof value !== "string" || value === "" || typeof key !== "string") return [];
  if (NAMED.test(key) && !path.includes("annotations")) return [found("named field", path, value)];
  const parent = around.at(-1);
  const isKindAndName = isObject(parent) && "kind" in parent && "name" in parent && path.length > 1;
  const isPart = key === "name" || key === "kind" || key === "namespace";
  if (!isPart || path[0] === "metadata" || isPerson(parent)) return [];
  return isKindAndName || isReference(path) ? [found("reference", path, value)] : [];
};

/** A container's volume. */
export const mounts: Rule = ({ path, value }) => {
  if (path.at(-1) !== "name" || path.at(-3) !== "volumeMounts" || typeof value !== "string") return [];
  return [found("volume mount", path, value)];
};

/** The namespace that an object lies in. */
export const ownNamespace: Rule = ({ path, value }) => {
  if (path.length !== 2 || path[0] !== "metadata" || path[1] !== "namespace") return [];
  return [found("own namespace", path, value as string)];
};

const SERVICE_HOST = /\b([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?(?::(\d+))?\b/g;

/** Host names of Services in any text: service, namespace and port, each once. */
export const hosts: Rule = ({ path, value }) => {
  if (typeof value !== "string" || path.includes("annotations")) return [];
  return [...value.matchAll(SERVICE_HOST)].flatMap((match): Found[] => {
    const [text, service, namespace, port] = match;
    const put = (changed: string): string =>
      value.slice(0, match.index) + changed + value.slice(match.index + text.length);
    const edges: Found[] = [
      { ...found("host's service", path, value), broken: put(text.replace(service!, `${service}-gone`)) },
      {
        ...found("host's namespace", path, value),
        broken: put(text.replace(`.${namespace}.`, `.${namespace}-gone.`)),
      },
    ];
    if (port !== undefined) {
      const broken = put(text.replace(`:${port}`, `:${unusedPort(Number(port))}`));
      edges.push({ ...found("host's port", path, value), category: "ports", broken });
    }
    return edges;
  });
};

/** Any other text that is exactly the name of a rendered object and has a field that speaks of its kind. */
export const values: Rule = (place, surroundings) => {
  const { path, value } = place;
  const key = path.at(-1);
  if (typeof value !== "string" || typeof key !== "string" || path[0] === "metadata") return [];
  if (
    key === "name" ||
    path.some((step) => step === "labels" || step === "matchLabels" || step === "selector")
  )
    return [];
  if (references(place, surroundings).length > 0) return [];
  const kind = kindsCalled(key, surroundings).find((it) => surroundings.names.get(it)?.has(value));
  return kind === undefined ? [] : [found("field called like a kind", path, value)];
};

/** `namespace` and `targetNamespace` speak of `Namespace`, `project` of `AppProject`. */
function kindsCalled(key: string, { names }: Surroundings): string[] {
  const low = key.toLowerCase();
  return [...names.keys()].filter(
    (kind) => low.endsWith(kind.toLowerCase()) || kind.toLowerCase().endsWith(low),
  );
}

/** Who may do something and is known elsewhere: no object of a cluster. */
function isPerson(parent: Json | undefined): boolean {
  return isObject(parent) && (parent["kind"] === "Group" || parent["kind"] === "User");
}

function isReference(path: readonly Step[]): boolean {
  const holder = typeof path.at(-2) === "number" ? path.at(-3) : path.at(-2);
  return typeof holder === "string" && REFERENCE.test(holder) && !OWN.has(holder);
}

function found(rule: string, path: Place["path"], value: string): Found {
  return { category: "names", rule, path, value, broken: broken(path, value) };
}

/** Kinds stay kinds by their looks. */
function broken(path: readonly Step[], value: string): string {
  return path.at(-1) === "kind" ? `${value}Gone` : `${value}-gone`;
}

/** A text that is the name of another part of the same object: a template, a receiver, a dependency. */
export const locals: Rule = (place, surroundings) => {
  const { path, value } = place;
  const key = path.at(-1);
  if (typeof value !== "string" || key === "name" || path[0] === "metadata") return [];
  if (path.some((step) => LABELS.has(step)) || references(place, surroundings).length > 0) return [];
  return surroundings.locals.has(value) && isNaming(path) ? [found("name of a part", path, value)] : [];
};

const LABELS: ReadonlySet<Step> = new Set(["labels", "matchLabels", "selector", "ports", "annotations"]);
/** Lists of names, and fields that aren't the type of something. */
const PARTS = /^(entrypoint|onExit|template|templateName|receiver|dependencies|depends|runtime|stepName)$/;

function isNaming(path: readonly Step[]): boolean {
  const word = typeof path.at(-1) === "number" ? path.at(-2) : path.at(-1);
  return typeof word === "string" && PARTS.test(word);
}

const BUCKET = /\bs3:\/\/([a-z0-9][a-z0-9.-]+)/g;

/** Buckets in addresses. */
export const buckets: Rule = ({ path, value }) => {
  if (typeof value !== "string" || path.includes("annotations")) return [];
  return [...value.matchAll(BUCKET)].map((match): Found => {
    const end = match.index + match[0].length;
    return { ...found("bucket", path, value), broken: `${value.slice(0, end)}-gone${value.slice(end)}` };
  });
};
