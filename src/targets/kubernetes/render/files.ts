import { groupBy } from "../../../base/group.ts";
import { groupOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";
import type { Rendered, RenderedObject } from "./rendered.ts";
import { toYaml } from "./yaml.ts";

/** Files by their path inside the folder, with `/` between names. */
export type RenderedFiles = ReadonlyMap<string, string>;

const KUSTOMIZATION = "kustomization.yaml";

/**
 * A platform as a folder that a person reads and that Argo CD, Flux and `kubectl apply --server-side -k` take: a
 * folder per component and per tenant, a file per object, and a kustomization.yaml in each that names them in order.
 */
export function renderedFiles({ platform, environment, objects }: Rendered): RenderedFiles {
  const files = new Map<string, string>();
  const folders = groupBy(objects, folderOf);
  const where = environment === undefined ? "" : `, ${environment}`;
  files.set(
    KUSTOMIZATION,
    `# ${platform.name}${where}: written by \`slipway platform render\`; what is changed here is lost with the next.\n${kustomization([...folders.keys()])}`,
  );
  for (const [folder, members] of folders) {
    const names = fileNames(members.map(({ object }) => object));
    files.set(`${folder}/${KUSTOMIZATION}`, kustomization(names));
    for (const [index, { object }] of members.entries())
      files.set(`${folder}/${names[index] as string}`, toYaml(object));
  }
  return files;
}

function folderOf({ component }: RenderedObject): string {
  return component.startsWith("tenants/") ? component : `components/${component}`;
}

function kustomization(resources: readonly string[]): string {
  return toYaml({ apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", resources });
}

/** `deployment-control.yaml`; two that would have one name bear their namespace, and then their group. */
function fileNames(objects: readonly KubernetesObject[]): string[] {
  let names = objects.map(({ kind, metadata }) => fileName([kind, metadata.name]));
  const longer = [
    ({ kind, metadata }: KubernetesObject) =>
      fileName([kind, metadata.namespace ?? "cluster", metadata.name]),
    ({ apiVersion, kind, metadata }: KubernetesObject) =>
      fileName([groupOf(apiVersion), kind, metadata.namespace ?? "cluster", metadata.name]),
  ];
  for (const form of longer) {
    const count = groupBy(names, (name) => name);
    names = objects.map((object, index) => {
      const name = names[index] as string;
      return count.get(name)?.length === 1 ? name : form(object);
    });
  }
  // Names of roles may differ in characters that no file name has.
  const seen = new Map<string, number>();
  return names.map((name) => {
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    return `${name}${before === 0 ? "" : `.${before + 1}`}.yaml`;
  });
}

function fileName(parts: readonly string[]): string {
  return parts
    .join("-")
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, "-");
}
