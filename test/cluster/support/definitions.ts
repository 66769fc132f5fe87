import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAllDocuments } from "yaml";
import { groupOf, type KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import { cacheFolder } from "../../../tools/cluster/cache.mjs";
import { DEFINITION_SETS, definitionFiles, sourceOf } from "../../../tools/cluster/sources.mjs";
import type { TestCluster } from "./cluster.ts";

const KIND = "CustomResourceDefinition";
const READY_MS = 120_000;
const POLL_MS = 200;
const ADDRESS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

interface Definition extends KubernetesObject {
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

/** The definitions of all sets of others' releases, as these publish them. */
export function definitions(sets: readonly string[] = DEFINITION_SETS): KubernetesObject[] {
  return sets.flatMap(readSet);
}

/** Only those of the kinds that these objects are of, and that don't come with them: all together take the server minutes. */
export function definitionsFor(objects: readonly KubernetesObject[]): KubernetesObject[] {
  const used = new Set(objects.map(({ apiVersion, kind }) => `${groupOf(apiVersion)}/${kind}`));
  const own = new Set(objects.filter(({ kind }) => kind === KIND).map(({ metadata }) => metadata.name));
  return definitions().filter(({ spec, metadata }) => {
    const { group, names } = spec as { group: string; names: { kind: string } };
    return used.has(`${group}/${names.kind}`) && !own.has(metadata.name);
  });
}

/** 25 MB of YAML take ten seconds to read: as JSON they are kept beside the programs, by version. */
function readSet(set: string): KubernetesObject[] {
  const { module, version } = sourceOf(set);
  const kept = join(cacheFolder(), "definitions", `${set}-${version}.bare.json`);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, "utf8")) as KubernetesObject[];
  const objects = definitionFiles(set)
    .flatMap((file) => parseAllDocuments(readFileSync(file, "utf8")))
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object): object is KubernetesObject => object?.kind === KIND)
    .map((object) => withoutDescriptions(object) as KubernetesObject);
  if (objects.length === 0) throw new Error(`${module} ${version} holds no definitions`);
  mkdirSync(dirname(kept), { recursive: true });
  const fresh = `${kept}.${process.pid}`;
  writeFileSync(fresh, JSON.stringify(objects));
  renameSync(fresh, kept);
  return objects;
}

/** Words for people validate nothing, and are most of what the server would hold in memory many times over. */
function withoutDescriptions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDescriptions);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(
    ([key, inner]) => key !== "description" || typeof inner !== "string",
  );
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutDescriptions(inner)]));
}

/**
 * Makes those that aren't there, with strict validation, and waits until the server serves each one; answers what it
 * made. Created, not applied: to track fields of schemas this size takes the server minutes.
 */
export async function installDefinitions(
  cluster: TestCluster,
  objects: readonly KubernetesObject[],
): Promise<KubernetesObject[]> {
  const made: KubernetesObject[] = [];
  for (const object of objects) {
    const query = { fieldManager: "definitions", fieldValidation: "Strict" };
    const { status, body } = await cluster.send({ method: "POST", path: ADDRESS, query, body: object });
    if (status === 201) made.push(object);
    else if (status !== 409)
      throw new Error(`${object.metadata.name}: ${status} ${JSON.stringify(body).slice(0, 500)}`);
  }
  const end = Date.now() + READY_MS;
  for (const { metadata } of objects) {
    for (;;) {
      const now = await cluster.get<Definition>(`${ADDRESS}/${metadata.name}`);
      const conditions = now?.status?.conditions ?? [];
      if (conditions.some(({ type, status }) => type === "Established" && status === "True")) break;
      if (Date.now() > end)
        throw new Error(`${metadata.name} isn't served after ${READY_MS} ms: ${JSON.stringify(conditions)}`);
      await sleep(POLL_MS);
    }
  }
  return made;
}

/** Takes them away again, and waits until they are gone. */
export async function removeDefinitions(
  cluster: TestCluster,
  objects: readonly KubernetesObject[],
): Promise<void> {
  for (const { metadata } of objects)
    await cluster.send({ method: "DELETE", path: `${ADDRESS}/${metadata.name}` });
  const end = Date.now() + READY_MS;
  for (const { metadata } of objects) {
    while ((await cluster.get(`${ADDRESS}/${metadata.name}`)) !== undefined) {
      if (Date.now() > end) throw new Error(`${metadata.name} isn't gone after ${READY_MS} ms`);
      await sleep(POLL_MS);
    }
  }
}
