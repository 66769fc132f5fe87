import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAllDocuments } from "yaml";
import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import { cacheFolder } from "../../../tools/cluster/cache.mjs";
import { DEFINITION_SETS, definitionFiles, sourceOf } from "../../../tools/cluster/sources.mjs";
import type { TestCluster } from "./cluster.ts";

const READY_MS = 60_000;
const POLL_MS = 200;
const ADDRESS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

interface Definition extends KubernetesObject {
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

/** The definitions of all sets of others' releases, as these publish them. */
export function definitions(sets: readonly string[] = DEFINITION_SETS): KubernetesObject[] {
  return sets.flatMap(readSet);
}

/** 25 MB of YAML take ten seconds to read: as JSON they are kept beside the programs, by version. */
function readSet(set: string): KubernetesObject[] {
  const { module, version } = sourceOf(set);
  const kept = join(cacheFolder(), "definitions", `${set}-${version}.json`);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, "utf8")) as KubernetesObject[];
  const objects = definitionFiles(set)
    .flatMap((file) => parseAllDocuments(readFileSync(file, "utf8")))
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object): object is KubernetesObject => object?.kind === "CustomResourceDefinition");
  if (objects.length === 0) throw new Error(`${module} ${version} holds no definitions`);
  mkdirSync(dirname(kept), { recursive: true });
  const fresh = `${kept}.${process.pid}`;
  writeFileSync(fresh, JSON.stringify(objects));
  renameSync(fresh, kept);
  return objects;
}

/** Applies them with strict validation and waits until the server serves each one. */
export async function installDefinitions(cluster: TestCluster, objects: KubernetesObject[]): Promise<void> {
  for (const object of objects) {
    const { status, body } = await cluster.send({
      method: "PATCH",
      path: `${ADDRESS}/${object.metadata.name}`,
      query: { fieldManager: "definitions", fieldValidation: "Strict", force: "true" },
      contentType: "application/apply-patch+yaml",
      body: object,
    });
    if (status > 201)
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
}

/** Takes them away again, and waits until they are gone. */
export async function removeDefinitions(cluster: TestCluster, objects: KubernetesObject[]): Promise<void> {
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
