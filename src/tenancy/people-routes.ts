import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { SlipwayError } from "../http/errors.ts";
import { addressOf } from "../http/peer.ts";
import { rolesOf, type PersonRow } from "./callers.ts";
import { checkPersonName } from "./names.ts";
import { checkPassword } from "./passwords.ts";
import { createPerson, deletePerson, requirePerson, updatePerson } from "./people-commands.ts";
import { BASE, draft7, personName, type TenancyRouteDeps } from "./route-deps.ts";

const password = z.string().max(1024);
const displayName = z.string().min(1).max(200);
const newPerson = z.strictObject({
  name: personName,
  displayName: displayName.optional(),
  password: password
    .optional()
    .describe("Left out: the person signs in by the identity provider, or by tokens."),
  platformAdmin: z.boolean().default(false),
});
const change = z.strictObject({
  displayName: displayName.optional(),
  platformAdmin: z.boolean().optional(),
  disabled: z.boolean().optional().describe("True ends the person's sessions; tokens don't work meanwhile."),
});
const newPassword = z.strictObject({
  password,
  currentPassword: password
    .optional()
    .describe("One's own password of now; an admin of the platform needs none."),
});
const ofPerson = z.object({ person: personName });
const page = z.object({
  after: z.string().max(128).default("").describe("Name of the last person of the page before."),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
});

/** People, below /api/slipway/v1. */
export function peopleRoutes(app: FastifyInstance, deps: TenancyRouteDeps): void {
  const { db, clock, passwords, changed } = deps;
  app.get(
    `${BASE}/people`,
    {
      config: { access: "platform" },
      schema: { tags: ["people"], summary: "People, by name", querystring: draft7(page) },
    },
    async ({ query }) => {
      const { after, limit } = page.parse(query);
      const rows = await db.read((tx) =>
        tx.all<PersonRow>("SELECT * FROM people WHERE name > ? ORDER BY name LIMIT ?", [after, limit]),
      );
      return { people: rows.map(personView) };
    },
  );
  app.post(
    `${BASE}/people`,
    {
      config: { access: "platform" },
      schema: { tags: ["people"], summary: "Make a person", body: draft7(newPerson) },
    },
    async (request, reply) => {
      const given = newPerson.parse(request.body);
      request.audited = { subject: `person/${given.name}` };
      checkPersonName(given.name);
      if (given.password !== undefined) checkPassword(given.password, given.name);
      await db.write(createPerson, {
        name: given.name,
        displayName: given.displayName ?? given.name,
        passwordHash: given.password === undefined ? null : await passwords.hash(given.password),
        isPlatformAdmin: given.platformAdmin,
        now: clock.now(),
      });
      return reply.status(201).send(personView(await db.read((tx) => requirePerson(tx, given.name))));
    },
  );
  app.get(
    `${BASE}/people/:person`,
    {
      config: { access: "platform" },
      schema: { tags: ["people"], summary: "One person with roles", params: draft7(ofPerson) },
    },
    async ({ params }) => {
      const { person } = ofPerson.parse(params);
      return db.read(async (tx) => ({
        ...personView(await requirePerson(tx, person)),
        roles: await rolesOf(tx, person),
      }));
    },
  );
  app.patch(
    `${BASE}/people/:person`,
    {
      config: { access: "platform" },
      schema: {
        tags: ["people"],
        summary: "Change a person",
        params: draft7(ofPerson),
        body: draft7(change),
      },
    },
    async (request) => {
      const { person } = ofPerson.parse(request.params);
      const { displayName: shown, platformAdmin, disabled } = change.parse(request.body);
      const was = await db.write(updatePerson, {
        name: person,
        displayName: shown,
        isPlatformAdmin: platformAdmin,
        isDisabled: disabled,
        now: clock.now(),
      });
      const became = personView(await db.read((tx) => requirePerson(tx, person)));
      request.audited = { subject: `person/${person}`, was: personView(was), became };
      await changed();
      return became;
    },
  );
  app.delete(
    `${BASE}/people/:person`,
    {
      config: { access: "platform" },
      schema: { tags: ["people"], summary: "Delete a person; all tokens end", params: draft7(ofPerson) },
    },
    async (request, reply) => {
      const { person } = ofPerson.parse(request.params);
      const was = await db.write(deletePerson, { name: person, now: clock.now() });
      request.audited = { subject: `person/${person}`, was: personView(was) };
      await changed();
      return reply.status(204).send();
    },
  );
  passwordRoute(app, deps);
}

function passwordRoute(app: FastifyInstance, deps: TenancyRouteDeps): void {
  const { db, clock, passwords, changed } = deps;
  app.put(
    `${BASE}/people/:person/password`,
    {
      config: { access: "signed-in" },
      schema: {
        tags: ["people"],
        summary: "Set a password; all sessions of the person end",
        params: draft7(ofPerson),
        body: draft7(newPassword),
      },
    },
    async (request, reply) => {
      const { person } = ofPerson.parse(request.params);
      const given = newPassword.parse(request.body);
      request.audited = { subject: `person/${person}` };
      await checkRight(deps, request, person, given.currentPassword);
      checkPassword(given.password, person);
      const passwordHash = await passwords.hash(given.password);
      await db.write(updatePerson, { name: person, passwordHash, now: clock.now() });
      await changed();
      return reply.status(204).send();
    },
  );
}

/** A platform admin sets anyone's; a person sets one's own, and proves to be that person once more. */
async function checkRight(
  { authenticator }: TenancyRouteDeps,
  request: FastifyRequest,
  person: string,
  current: string | undefined,
): Promise<void> {
  const { caller } = request.identity;
  const isWhole = caller.scopes === null || caller.scopes.includes("admin");
  if (caller.isPlatformAdmin && isWhole) return;
  if (caller.name !== person || !isWhole)
    throw new SlipwayError("ACCESS_DENIED", "only a person itself and platform admins set a password");
  if (current === undefined)
    throw new SlipwayError("INVALID_REQUEST", "the password of now is needed", {
      where: "body/currentPassword",
    });
  await authenticator.person(person, current, addressOf(request));
}

function personView(row: PersonRow): object {
  return {
    name: row.name,
    displayName: row.display_name,
    platformAdmin: row.is_platform_admin === 1,
    disabled: row.is_disabled === 1,
    hasPassword: row.password_hash !== null,
    issuer: row.issuer,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
