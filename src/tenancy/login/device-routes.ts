import { randomBytes, randomInt } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { digestOf } from "../../http/credentials.ts";
import { SlipwayError } from "../../http/errors.ts";
import { callerOfPerson } from "../callers.ts";
import { BASE, draft7 } from "../route-deps.ts";
import { makeToken } from "../token-routes.ts";
import { startDevice, takeDevice } from "./device-commands.ts";
import type { LoginDeps } from "./login-deps.ts";

const CODE_MS = 10 * 60_000;
const INTERVAL_MS = 2_000;
const TOKEN_DAYS = 30;
/** Without vowels, so that no words come out, and without letters that look alike (RFC 8628, 6.1). */
const LETTERS = "BCDFGHJKLMNPQRSTVWXZ";

const start = z.strictObject({
  client: z
    .string()
    .regex(/^[\w.-]{1,50}$/, "1 to 50 letters, digits and . _ -")
    .describe("The machine that asks, as the person will see it."),
});
const take = z.strictObject({ deviceCode: z.string().min(1).max(100) });

/** How a command line without a browser signs in (in the manner of RFC 8628), below /api/slipway/v1. */
export function deviceRoutes(app: FastifyInstance, deps: LoginDeps): void {
  const { db, clock, publicUrl } = deps;
  app.post(
    `${BASE}/login/device`,
    {
      config: { access: "open" },
      schema: {
        tags: ["sign-in"],
        summary: "Ask for a code that a person confirms in a browser",
        body: draft7(start),
      },
    },
    async (request, reply) => {
      const { client } = start.parse(request.body);
      const deviceCode = randomBytes(32).toString("base64url");
      const letters = Array.from({ length: 8 }, () => LETTERS.charAt(randomInt(LETTERS.length)));
      const userCode = `${letters.slice(0, 4).join("")}-${letters.slice(4).join("")}`;
      const now = clock.now();
      const expiresAt = now + CODE_MS;
      await db.write(startDevice, { sha256: digestOf(deviceCode), userCode, client, now, expiresAt });
      const path = `/login/device?code=${userCode}`;
      const url = publicUrl === undefined ? null : `${publicUrl}${path}`;
      return reply.status(201).send({ deviceCode, userCode, path, url, intervalMs: INTERVAL_MS, expiresAt });
    },
  );
  app.post(
    `${BASE}/login/device/token`,
    {
      config: { access: "open" },
      schema: {
        tags: ["sign-in"],
        summary: "Take the token, once the code is confirmed",
        description: "SIGN_IN_PENDING (409) until then.",
        body: draft7(take),
      },
    },
    async (request, reply) => {
      const { deviceCode } = take.parse(request.body);
      const { person, client } = await db.write(takeDevice, {
        sha256: digestOf(deviceCode),
        now: clock.now(),
      });
      const caller = await db.read((tx) => callerOfPerson(tx, person));
      if (!caller)
        throw new SlipwayError("SIGN_IN_FAILED", "the person who confirmed may not come in any more");
      const made = await makeToken(deps, person, {
        name: `cli@${client}`,
        person,
        expiresInDays: TOKEN_DAYS,
      });
      request.identity = { ...request.identity, caller };
      request.audited = { subject: `token/${made.view.id}`, became: made.view };
      await deps.changed();
      return reply.status(201).send({ ...made.view, token: made.token });
    },
  );
}
