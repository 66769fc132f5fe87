import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startPostgres, type PostgresServer } from "./support/postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where a test asks for the PostgreSQL of this run. */
    postgresDoor: string;
  }
}

/** One PostgreSQL for all tests of a run, started when the first one asks for it, and ended after the last. */
export default async function postgresOnce(project: {
  provide: (key: "postgresDoor", value: string) => void;
}): Promise<() => Promise<void>> {
  let server: Promise<PostgresServer> | undefined;
  const door = createServer((_request, response) => {
    server ??= startPostgres();
    server.then(
      ({ url }) => response.end(url),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  }).listen(0, "127.0.0.1");
  await once(door, "listening");
  project.provide("postgresDoor", `http://127.0.0.1:${(door.address() as AddressInfo).port}`);
  return async () => {
    door.close();
    door.closeAllConnections();
    await (await server?.catch(() => undefined))?.stop();
  };
}
