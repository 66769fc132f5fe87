import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import { SlipwayError } from "../http/errors.ts";
import type { Database } from "../store/database.ts";
import { claimDatabase, type Owner } from "../store/owner.ts";

/** Holds the platform's id; it goes where the data folder goes. */
const FILE = "platform.json";
/** Our own API below which calls are about projects, and what they change lies in Git. */
const OF_PROJECTS = [
  "/git/",
  "/api/slipway/v1/pipeline-runs",
  "/api/slipway/v1/projects",
  "/api/slipway/v1/pushes",
  "/api/slipway/v1/services",
];
const READING = new Set(["GET", "HEAD", "OPTIONS"]);

/** Another platform that runs the projects of this database; undefined when it is this one. */
export async function otherOwner(
  db: Database,
  { dataDir, clock, ids }: { dataDir: string; clock: Clock; ids: Ids },
): Promise<Owner | undefined> {
  const platform = platformId(dataDir, ids);
  const owner = await db.write(claimDatabase, { platform, dataFolder: dataDir, now: clock.now() });
  return owner.platform === platform ? undefined : owner;
}

/** Refuses what only the owner of the database may do; tracking, registry and reading go on. */
export function refuseProjects(app: FastifyInstance): void {
  app.addHook("onRequest", async (request) => {
    const route = request.routeOptions.url ?? "";
    if (!OF_PROJECTS.some((prefix) => route.startsWith(prefix))) return;
    if (READING.has(request.method) && !route.startsWith("/git/")) return;
    throw new SlipwayError("PLATFORM_FOLLOWS", "another platform runs the projects of this database");
  });
}

/**
 * The platform's id, made at its first start: the one that is given, when the volume was lost and a copy of what it held
 * says whose it was.
 */
export function platformId(dataDir: string, ids: Ids, lost?: string): string {
  const file = join(dataDir, FILE);
  try {
    const { id } = JSON.parse(readFileSync(file, "utf8")) as { id?: unknown };
    if (typeof id === "string" && id !== "") return id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      throw new SlipwayError("DATA_UNUSABLE", "the platform's id can't be read", {
        where: file,
        cause: error,
      });
  }
  const id = lost ?? ids.hex();
  writeFileSync(file, `${JSON.stringify({ id })}\n`, { mode: 0o600, flush: true } as object);
  return id;
}
