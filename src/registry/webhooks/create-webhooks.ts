import { lookup } from "node:dns/promises";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../../base/clock.ts";
import type { Ids } from "../../base/ids.ts";
import type { Database } from "../../store/database.ts";
import { mlflowRoutes, type LogDefect } from "../../tracking/wire/routes.ts";
import { startDispatcher, type Dispatcher } from "./dispatcher.ts";
import { webhookRoutes } from "./routes.ts";
import { createSecretBox, keyFromFile } from "./secrets.ts";
import { createPost } from "./send.ts";
import type { WebhookSettings } from "./settings.ts";
import type { Resolve } from "./target.ts";

export interface WebhooksDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  /** From 0 to 1. */
  random: () => number;
  /** Holds the key file when the settings name no key. */
  dataDir: string;
  settings: WebhookSettings;
  /** Default: the machine's resolver. */
  resolve?: Resolve;
  logDefect: LogDefect;
  /** A delivery was given up. */
  note: (line: string) => void;
}

export interface Webhooks {
  /** The same database; a write through it lets the dispatcher look for new deliveries at once. */
  watch(db: Database): Database;
  routes(app: FastifyInstance): void;
  /** Sends until the signal is aborted; resolves when what was under way has ended. */
  run(signal: AbortSignal): Promise<void>;
}

/** Webhooks of the registry: who is subscribed, and the outbox that is sent to them. */
export async function createWebhooks(deps: WebhooksDeps): Promise<Webhooks> {
  const { db, clock, settings, logDefect, note } = deps;
  const box = createSecretBox(settings.secretKey ?? (await keyFromFile(join(deps.dataDir, "webhook.key"))));
  const resolve = deps.resolve ?? machineResolver();
  const post = createPost({ settings, resolve });
  let dispatcher: Dispatcher | undefined;
  return {
    watch: (watched) => ({
      async write(command, args, also) {
        const result = await watched.write(command, args, also);
        dispatcher?.wake();
        return result;
      },
      read: (query) => watched.read(query),
      close: () => watched.close(),
    }),
    routes: (app) => mlflowRoutes(app, webhookRoutes({ ...deps, box, resolve, post }), logDefect),
    run(signal) {
      const log = (line: string, error?: unknown): void =>
        error === undefined ? note(line) : logDefect(error, line);
      dispatcher = startDispatcher({ db, clock, random: deps.random, settings, box, post, log }, signal);
      return dispatcher.ended;
    },
  };
}

/** Look-ups block a thread of the pool that files are read with: no more than this many at one time. */
const MAX_LOOKUPS = 2;

function machineResolver(): Resolve {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (host) => {
    if (running >= MAX_LOOKUPS) await new Promise<void>((go) => void waiting.push(go));
    running++;
    try {
      return await lookup(host, { all: true });
    } finally {
      running--;
      waiting.shift()?.();
    }
  };
}
