import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";
import { accessError, requestedTenant, roleIn, TENANT_HEADER, unknownTenant } from "./access.ts";
import type { Access, TenantFrom } from "./access.ts";
import { SlipwayError } from "./errors.ts";
import { DEFAULT_TENANT, LOCAL_CALLER, NOBODY, type Caller, type Scope } from "./identity.ts";
import { endWithAdmission } from "./open-answers.ts";

/** Knows who calls. Both answers come at once where they can: this stands before every request. */
export interface Sentry {
  /** Throws, or rejects with, TOKEN_REQUIRED, CREDENTIALS_REFUSED or SIGN_IN_LIMITED. */
  callerOf(request: FastifyRequest): Caller | Promise<Caller>;
  /** Whether there is such a tenant; asked for platform admins only. */
  tenantExists(tenant: string): boolean | Promise<boolean>;
}

/** Of an application without a login: whoever reaches it is the local caller, in any tenant. */
export const openSentry: Sentry = { callerOf: () => LOCAL_CALLER, tenantExists: () => true };

/** One row of the authorisation table. */
export interface AccessRow {
  method: string;
  path: string;
  access: Access;
  tenantFrom: TenantFrom;
  scope?: Scope;
}

const ROLELESS: ReadonlySet<Access> = new Set(["signed-in", "platform"]);

declare module "fastify" {
  interface FastifyInstance {
    /** The authorisation table, complete when the application is ready. */
    accessRows: AccessRow[];
  }
}

/** Checks every request by its route's row, and refuses to register a route that has none. */
export function standSentry(app: FastifyInstance, sentry: Sentry): void {
  app.decorate("accessRows", []);
  app.decorateRequest("identity");
  app.decorateRequest("access");
  const routes: RouteOptions[] = [];
  app.addHook("onRoute", (route) => void routes.push(checkedRow(route)));
  // An inner scope may say more about a route after it was seen here.
  app.addHook("onReady", async () => void app.accessRows.push(...routes.flatMap(rowsOf)));
  const admit = endWithAdmission(app, (request) => isStillAdmitted(sentry, request));
  app.addHook("onRequest", (request, reply, done) => {
    const { config } = request.routeOptions;
    // What isn't a route at all is told to those who have signed in.
    const { access: row = "signed-in" } = config;
    const access = typeof row === "function" ? row(request) : row;
    request.access = access;
    if (access === "open") {
      request.identity = { caller: NOBODY, tenant: DEFAULT_TENANT };
      return done();
    }
    whenKnown(
      () => sentry.callerOf(request),
      (caller) => {
        if (config.ownerOf === undefined)
          return admitTo(caller, tenantOf(request, caller, config.tenantFrom));
        const { ownerOf } = config;
        return whenKnown(
          () => ownerOf(request, caller),
          (tenant) => admitTo(caller, tenant),
          done,
        );
      },
      done,
    );
    return undefined;

    function admitTo(caller: Caller, named: string): void {
      // What needs no role isn't about a tenant: a name that means nothing to the caller changes nothing.
      const tenant = ROLELESS.has(access) && roleIn(caller, named) === undefined ? DEFAULT_TENANT : named;
      request.identity = { caller, tenant };
      const refused = accessError(caller, tenant, access, config.scope);
      if (refused !== null) return done(refused);
      admit(request, reply);
      if (tenant === DEFAULT_TENANT || !caller.isPlatformAdmin) return done();
      // A platform admin has a role in every tenant, also in those that aren't there.
      return whenKnown(
        () => sentry.tenantExists(tenant),
        (exists) => {
          if (!exists && !ROLELESS.has(access)) return done(unknownTenant(tenant));
          if (!exists) request.identity = { caller, tenant: DEFAULT_TENANT };
          return done();
        },
        done,
      );
    }
  });
}

/** Whether the caller of an answer that goes on could still ask for it. A passing failure to look is no refusal. */
async function isStillAdmitted(sentry: Sentry, request: FastifyRequest): Promise<boolean> {
  try {
    const caller = await sentry.callerOf(request);
    const { config } = request.routeOptions;
    return accessError(caller, request.identity.tenant, request.access, config.scope) === null;
  } catch (error) {
    if (!(error instanceof SlipwayError)) return true;
    return error.code !== "CREDENTIALS_REFUSED" && error.code !== "TOKEN_REQUIRED";
  }
}

function tenantOf(request: FastifyRequest, caller: Caller, from: TenantFrom = "default"): string {
  if (from === "default") return DEFAULT_TENANT;
  if (from === "path") return (request.params as { tenant?: string }).tenant ?? DEFAULT_TENANT;
  return requestedTenant(request.headers[TENANT_HEADER], caller);
}

function checkedRow(route: RouteOptions): RouteOptions {
  if (route.config?.access !== undefined) return route;
  throw new Error(
    `${String(route.method)} ${route.url} has no config.access: what does it ask of its caller?`,
  );
}

function rowsOf({ method, url, config = {} }: RouteOptions): AccessRow[] {
  const { access, tenantFrom = "default", scope } = config;
  if (access === undefined || typeof access === "function") return [];
  const methods = Array.isArray(method) ? method : [method];
  return methods.map((one) => ({
    method: one,
    path: url,
    access,
    tenantFrom,
    ...(scope === undefined ? {} : { scope }),
  }));
}

/** Goes on at once with a value, and later with a promised one; a hook without promises costs a request nothing. */
function whenKnown<Value>(
  ask: () => Value | Promise<Value>,
  then: (value: Value) => void,
  fail: (error: Error) => void,
): void {
  let answer: Value | Promise<Value>;
  try {
    answer = ask();
  } catch (error) {
    return fail(error as Error);
  }
  if (!(answer instanceof Promise)) return then(answer);
  answer.then(then).catch(fail);
  return undefined;
}
