import { z } from "zod";
import { objectName } from "../../../../spec/platform/fields.ts";
import type { Platform } from "../../../../spec/platform/platform.ts";
import type { DeliveryFacts } from "../../facts.ts";

/** What both GitOps engines take: where the rendered folder lies. */
export const deliveryOptions = {
  repository: z
    .string()
    .max(500)
    .regex(/^(https:\/\/|ssh:\/\/)\S+$/, "isn't an https:// or ssh:// address")
    .describe("The environment repository, as the cluster reaches it."),
  branch: z.string().min(1).max(200).default("main").describe("Its branch."),
  path: z
    .string()
    .max(500)
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_./-]*$/, "isn't a relative path")
    .describe("The folder that `slipway platform render --out` writes in it."),
  credentials: z
    .strictObject({ secret: objectName().describe("Secret in the engine's namespace.") })
    .exactOptional()
    .describe("How the repository is read; none: by everyone."),
};

interface Delivery {
  repository: string;
  branch: string;
  path: string;
}

export function deliveryFacts(
  engine: DeliveryFacts["engine"],
  namespace: string,
  { repository, branch, path }: Delivery,
): DeliveryFacts {
  return { engine, namespace, repository, branch, path: path.replace(/\/+$/, "") };
}

/** A part of the rendered folder, and when it is delivered. */
export interface DeliveredPart {
  /** An object's name: `component-cert-manager`, `tenant-team-a`. */
  name: string;
  /** Below the rendered folder. */
  folder: string;
  wave: number;
}

/**
 * Parts by waves: definitions and what signs certificates before what uses them, tenants last. Components of one wave
 * don't wait for one another.
 */
const WAVES: Readonly<Record<string, number>> = {
  certManager: 1,
  prometheus: 1,
  gateway: 2,
  objectStore: 2,
  postgresql: 2,
  argoWorkflows: 2,
  kserve: 3,
  slipway: 4,
};
const TENANTS = 5;

/** Every part but the engine's own. */
export function deliveredParts({ components, tenants }: Platform, engine: string): DeliveredPart[] {
  const parts = Object.keys(components)
    .filter((name) => name !== engine && makesObjects(name, components[name]))
    .sort()
    .map((name) => ({
      name: `component-${kebab(name)}`,
      folder: `components/${name}`,
      wave: WAVES[name] ?? TENANTS,
    }));
  return [
    ...parts.sort((a, b) => a.wave - b.wave),
    ...tenants.map(({ name }) => ({ name: `tenant-${name}`, folder: `tenants/${name}`, wave: TENANTS })),
  ];
}

/** What is only stated has no folder, and an engine fails at a path that isn't there. */
function makesObjects(name: string, options: unknown): boolean {
  if (name === "objectStore") return false;
  return name !== "postgresql" || Object.hasOwn(options as object, "cloudNativePg");
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
