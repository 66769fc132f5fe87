import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { roleIn } from "../http/access.ts";
import type { Role } from "../http/identity.ts";
import { checkTenantName } from "./names.ts";
import { BASE, draft7, personName, role, tenantName, type TenancyRouteDeps } from "./route-deps.ts";
import {
  createTenant,
  deleteTenant,
  requireTenant,
  setRole,
  tenantRows,
  updateTenant,
  type TenantRow,
} from "./tenant-commands.ts";

const description = z.string().max(1000).optional();
const newTenant = z.strictObject({ name: tenantName, description });
const change = z.strictObject({ description });
const ofTenant = z.object({ tenant: tenantName });
const ofMember = z.object({ tenant: tenantName, person: personName });
const grant = z.strictObject({ role });

/** Tenants, and who belongs to them, below /api/slipway/v1. */
export function tenantRoutes(app: FastifyInstance, deps: TenancyRouteDeps): void {
  const { db, clock, changed } = deps;
  app.get(
    `${BASE}/tenants`,
    {
      config: { access: "signed-in" },
      schema: { tags: ["tenants"], summary: "Tenants that the caller belongs to" },
    },
    async ({ identity }) => {
      const rows = await db.read(tenantRows);
      const mine = rows.flatMap((row) => {
        const own = roleIn(identity.caller, row.name);
        return own === undefined ? [] : [tenantView(row, own)];
      });
      return { tenants: mine };
    },
  );
  app.post(
    `${BASE}/tenants`,
    {
      config: { access: "platform" },
      schema: { tags: ["tenants"], summary: "Make a tenant", body: draft7(newTenant) },
    },
    async (request, reply) => {
      const { name, description: words } = newTenant.parse(request.body);
      request.audited = { subject: `tenant/${name}` };
      checkTenantName(name);
      const row = await db.write(createTenant, { name, description: words, now: clock.now() });
      await changed();
      return reply.status(201).send(tenantView(row, "admin"));
    },
  );
  app.get(
    `${BASE}/tenants/:tenant`,
    {
      config: { access: "read", tenantFrom: "path" },
      schema: { tags: ["tenants"], summary: "One tenant", params: draft7(ofTenant) },
    },
    async ({ identity }) =>
      tenantView(await db.read((tx) => requireTenant(tx, identity.tenant)), roleOf(identity)),
  );
  app.patch(
    `${BASE}/tenants/:tenant`,
    {
      config: { access: "admin", tenantFrom: "path" },
      schema: {
        tags: ["tenants"],
        summary: "Change a tenant",
        params: draft7(ofTenant),
        body: draft7(change),
      },
    },
    async (request) => {
      const { tenant } = request.identity;
      const { description: words } = change.parse(request.body);
      const args = { name: tenant, description: words, now: clock.now() };
      const { was, became } = await db.write(updateTenant, args);
      note(request, { description: was.description }, { description: became.description });
      return tenantView(became, roleOf(request.identity));
    },
  );
  app.delete(
    `${BASE}/tenants/:tenant`,
    {
      config: { access: "platform", tenantFrom: "path" },
      schema: {
        tags: ["tenants"],
        summary: "Delete an empty tenant; its own tokens end with it",
        params: draft7(ofTenant),
      },
    },
    async (request, reply) => {
      const { tenant } = ofTenant.parse(request.params);
      note(request);
      const was = await db.write(deleteTenant, { name: tenant, now: clock.now() });
      note(request, { description: was.description });
      await changed();
      return reply.status(204).send();
    },
  );
  memberRoutes(app, deps);
}

function memberRoutes(app: FastifyInstance, { db, changed }: TenancyRouteDeps): void {
  app.get(
    `${BASE}/tenants/:tenant/members`,
    {
      config: { access: "admin", tenantFrom: "path" },
      schema: { tags: ["tenants"], summary: "Who belongs to a tenant", params: draft7(ofTenant) },
    },
    async ({ identity }) => {
      const rows = await db.read((tx) =>
        tx.all<{ person: string; source: string; role: Role }>(
          "SELECT person, source, role FROM roles WHERE tenant = ? ORDER BY person, source",
          [identity.tenant],
        ),
      );
      return { members: rows.map(({ person, source, role: given }) => ({ person, role: given, source })) };
    },
  );
  app.put(
    `${BASE}/tenants/:tenant/members/:person`,
    {
      config: { access: "admin", tenantFrom: "path" },
      schema: {
        tags: ["tenants"],
        summary: "Give a person a role in a tenant",
        params: draft7(ofMember),
        body: draft7(grant),
      },
    },
    async (request) => {
      const { person } = ofMember.parse(request.params);
      const given = grant.parse(request.body);
      const { tenant } = request.identity;
      const was = await db.write(setRole, { person, tenant, role: given.role });
      note(request, { person, role: was }, { person, role: given.role });
      await changed();
      return { tenant, person, role: given.role };
    },
  );
  app.delete(
    `${BASE}/tenants/:tenant/members/:person`,
    {
      config: { access: "admin", tenantFrom: "path" },
      schema: {
        tags: ["tenants"],
        summary: "Take a person's role in a tenant away",
        params: draft7(ofMember),
      },
    },
    async (request, reply) => {
      const { person } = ofMember.parse(request.params);
      const was = await db.write(setRole, { person, tenant: request.identity.tenant, role: null });
      note(request, { person, role: was }, { person, role: null });
      await changed();
      return reply.status(204).send();
    },
  );
}

function note(request: FastifyRequest, was?: unknown, became?: unknown): void {
  const { tenant } = request.params as { tenant: string };
  request.audited = { subject: `tenant/${tenant}`, was, became };
}

function roleOf({ caller, tenant }: FastifyRequest["identity"]): Role {
  return roleIn(caller, tenant) ?? "viewer";
}

function tenantView(row: TenantRow, own: Role): object {
  return {
    name: row.name,
    description: row.description,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    role: own,
  };
}
