import { createHash } from "node:crypto";
import { z } from "zod";
import type { ChartUse } from "../component.ts";
import type { LockEntry } from "../lock.ts";
import type { KubernetesObject } from "../object.ts";

/** What a chart, or a release's manifests, made with certain values: a file that is committed beside platform.yaml. */
export interface ChartFile {
  row: string;
  version: string;
  release: string;
  namespace: string;
  values: Record<string, unknown>;
  /** Who made it: `helm v4.3.1`. */
  by: string;
  objects: readonly KubernetesObject[];
}

const FILE = z.object({
  objects: z.array(
    z.looseObject({
      apiVersion: z.string(),
      kind: z.string(),
      metadata: z.looseObject({ name: z.string(), namespace: z.string().exactOptional() }),
    }),
  ),
});

/** `cert-manager-v1.21.1-3f2a9c1e07bd.json`: another version or another value is another file. */
export function chartFileName(use: ChartUse, { row, version }: LockEntry): string {
  const { release, namespace, values } = use;
  const digest = createHash("sha256").update(stable({ row, release, namespace, values }));
  return `${row}-${version}-${digest.digest("hex").slice(0, 12)}.json`;
}

/** JSON with an object per line: a chart's next version shows as the objects that it changed. */
export function chartFileText({ objects, ...head }: ChartFile): string {
  const lines = objects.map((object) => `    ${JSON.stringify(object)}`);
  return `${JSON.stringify(head, undefined, 2).slice(0, -2)},\n  "objects": [\n${lines.join(",\n")}\n  ]\n}\n`;
}

/** The objects of such a file. Throws on a text that is none. */
export function chartObjects(text: string): readonly KubernetesObject[] {
  return FILE.parse(JSON.parse(text)).objects as KubernetesObject[];
}

/** The same text for the same value, whatever the order of its keys. */
function stable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stable).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${stable(inner)}`).join(",")}}`;
}
