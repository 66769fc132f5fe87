import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FastifyInstance } from "fastify";
import { SlipwayError } from "../../src/http/errors.ts";
import { LOCAL_CALLER, type Caller } from "../../src/http/identity.ts";
import { createApp } from "../../src/http/server.ts";

let app: FastifyInstance;
let url: string;
/** By token; what isn't here is refused. */
const callers = new Map<string, Caller | Error>();

beforeAll(async () => {
  app = await createApp({
    guard: () => null,
    sentry: {
      callerOf({ headers: { authorization = "" } }) {
        const caller = callers.get(authorization);
        if (caller instanceof Error) throw caller;
        if (caller === undefined) throw new SlipwayError("CREDENTIALS_REFUSED", "unknown");
        return caller;
      },
      tenantExists: () => true,
    },
    logDefect: () => undefined,
    version: "0.0.0",
  });
  app.get("/follow", { config: { access: "read" } }, async (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { "content-type": "text/event-stream" });
    reply.raw.write(": here\n\n");
    return reply;
  });
  app.get("/stream", { config: { access: "read" } }, (_request, reply) => {
    const endless = new Readable({ read: () => undefined });
    endless.push("here");
    return reply.send(endless);
  });
  url = await app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => app.close());

/** Begins to listen; answers how it ends. */
async function listen(path: string, authorization: string): Promise<{ end: Promise<string> }> {
  const answer = await fetch(`${url}${path}`, { headers: { authorization } });
  const reader = answer.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain("here");
  const end = (async () => {
    try {
      const { done } = (await reader?.read()) ?? { done: true };
      return done ? "ended" : "went on";
    } catch {
      return "cut off";
    }
  })();
  return { end };
}

const member: Caller = { ...LOCAL_CALLER, isPlatformAdmin: false, roles: { default: "member" } };

describe("an answer that goes on", () => {
  it.each(["/follow", "/stream"])("of %s ends with the right to it, and no other does", async (path) => {
    callers.set("one", member).set("two", member).set("three", member);
    const [one, two, three] = await Promise.all(["one", "two", "three"].map((token) => listen(path, token)));
    callers.delete("one");
    callers.set("two", { ...member, roles: {} });
    // Who can't be looked up for now isn't refused.
    callers.set("three", new SlipwayError("UNAVAILABLE", "the database is away"));
    expect(await one?.end).toBe("cut off");
    expect(await two?.end).toBe("cut off");
    const still = Symbol("still going on");
    expect(await Promise.race([three?.end, Promise.resolve(still)])).toBe(still);
    callers.delete("three");
    expect(await three?.end).toBe("cut off");
  });
});
