import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { DeclaredTenant } from "../tenancy/declared-tenants.ts";

const FILE = z.object({
  tenants: z.array(z.object({ name: z.string(), description: z.string().optional() })),
});

/** The tenants of the platform that a file describes, as `slipway platform` writes it for control. Throws on any other file. */
export async function readDeclaredTenants(path: string): Promise<readonly DeclaredTenant[]> {
  return FILE.parse(JSON.parse(await readFile(path, "utf8"))).tenants;
}
