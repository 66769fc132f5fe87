import { PassThrough } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import { accessError, requestedTenant, roleIn, TENANT_HEADER } from "../http/access.ts";
import { SlipwayError, toSlipwayError } from "../http/errors.ts";
import { DEFAULT_TENANT, type Caller } from "../http/identity.ts";
import { PUSH_VARIABLE } from "./hook-protocol.ts";
import { startBackend, type Backend } from "./http-backend.ts";
import { checkRepositoryName, ENVIRONMENT } from "./names.ts";
import type { ProjectOwners } from "./project-owners.ts";
import type { OpenPush, Pushes } from "./pushes.ts";
import type { Repositories } from "./repositories.ts";
import { Slots } from "./slots.ts";

export interface GitLimits {
  /** Pack of one push, in bytes. */
  maxPackBytes: number;
  /** Git processes that work for callers at once; a push that only watches its pipeline run isn't counted. */
  maxProcesses: number;
  /** Requests that wait for one. */
  maxWaiting: number;
  /** Longest wait for one, in milliseconds. */
  waitMs: number;
  /** Longest fetch, and longest push up to its acceptance, in milliseconds. */
  timeoutMs: number;
  maxProjects: number;
}

/** What a laptop stands; a data set of some hundred megabytes still goes through. */
export const GIT_LIMITS: GitLimits = {
  maxPackBytes: 512 * 1024 * 1024,
  maxProcesses: 8,
  maxWaiting: 64,
  waitMs: 30_000,
  timeoutMs: 15 * 60_000,
  maxProjects: 1000,
};

export interface GitRoutesDeps {
  repositories: Repositories;
  pushes: Pushes;
  clock: Clock;
  ids: Ids;
  limits: GitLimits;
  owners: ProjectOwners;
  /** Who sends a request, for the record: it decides nothing. */
  pusher: (request: FastifyRequest) => string;
  /** Where a failure of Git goes that its caller can do nothing about. */
  logDefect: (error: unknown, where: string) => void;
}

interface Served {
  slots: Slots;
  /** Under way, so that a shutdown can wait for them and then end them. */
  backends: Set<Backend>;
}

type GitRequest = FastifyRequest<{
  Params: { repository: string; "*"?: string };
  Querystring: { service?: string };
}>;

/** Smart HTTP (and the dumb protocol's reads) by `git http-backend`, below `/git/<project>.git/`. */
export function gitRoutes(app: FastifyInstance, deps: GitRoutesDeps): void {
  void app.register(async (scope) => {
    const { clock, limits } = deps;
    const slots = new Slots({
      clock,
      slots: limits.maxProcesses,
      queue: limits.maxWaiting,
      waitMs: limits.waitMs,
    });
    const served: Served = { slots, backends: new Set() };
    // Packs are streamed to Git, never held.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    scope.setErrorHandler((error, request, reply) => answerGit(deps, toSlipwayError(error), request, reply));
    const schema = { hide: true };
    const whose = {
      scope: "git" as const,
      tenantFrom: "owner" as const,
      ownerOf: (request: FastifyRequest, caller: Caller) => tenantOf(deps, request as GitRequest, caller),
    };
    const fetching = { schema, config: { access: "read" as const, ...whose } };
    const pushing = { schema, config: { access: "write" as const, ...whose } };
    scope.get("/git/:repository/info/refs", fetching, async (request: GitRequest, reply) => {
      const isPush = opensPush(request);
      if (isPush) requireToPush(request);
      const name = await repositoryOf(deps, request, isPush);
      return serve(deps, served, request, reply, { name, path: "info/refs", push: false });
    });
    scope.post("/git/:repository/git-upload-pack", fetching, async (request: GitRequest, reply) => {
      const name = await repositoryOf(deps, request, false);
      return serve(deps, served, request, reply, { name, path: "git-upload-pack", push: false });
    });
    scope.post("/git/:repository/git-receive-pack", pushing, async (request: GitRequest, reply) => {
      const name = await repositoryOf(deps, request, false);
      return serve(deps, served, request, reply, { name, path: "git-receive-pack", push: true });
    });
    scope.get("/git/:repository/HEAD", fetching, async (request: GitRequest, reply) => {
      const name = await repositoryOf(deps, request, false);
      return serve(deps, served, request, reply, { name, path: "HEAD", push: false });
    });
    scope.get("/git/:repository/objects/*", fetching, async (request: GitRequest, reply) => {
      const name = await repositoryOf(deps, request, false);
      const path = `objects/${request.params["*"]}`;
      if (!/^objects\/[0-9a-zA-Z/.-]+$/.test(path) || path.includes("..")) throw unknownPath(path);
      return serve(deps, served, request, reply, { name, path, push: false });
    });
    scope.addHook("preClose", async () => deps.pushes.leaveAll());
    scope.addHook("onClose", () => drain(served, clock));
  });
}

/** The first request of a push only reads, but it makes a repository and must not promise what the second refuses. */
function requireToPush({ identity }: FastifyRequest): void {
  const refused = accessError(identity.caller, identity.tenant, "write", "git");
  if (refused !== null) throw refused;
}

/** Whether it is the request by which a push begins: the one that may make a repository. */
function opensPush({ query, routeOptions }: GitRequest): boolean {
  return query.service === "git-receive-pack" && routeOptions.url?.endsWith("/info/refs") === true;
}

/**
 * Whose repository a request is about. To a stranger it isn't there; a push that would make it is told that the name is
 * taken, and nothing else. A name that nobody has is about the tenant that the request names.
 */
async function tenantOf(
  { repositories, owners }: GitRoutesDeps,
  request: GitRequest,
  caller: Caller,
): Promise<string> {
  const name = nameIn(request);
  if (name === ENVIRONMENT) return DEFAULT_TENANT;
  const owner = (await owners.of(name)) ?? ((await repositories.exists(name)) ? DEFAULT_TENANT : undefined);
  if (owner !== undefined && roleIn(caller, owner) !== undefined) return owner;
  if (!opensPush(request)) throw missing(name);
  const tenant = requestedTenant(request.headers[TENANT_HEADER], caller);
  if (owner === undefined) return tenant;
  throw accessError(caller, tenant, "write", "git") ?? nameTaken(name);
}

function missing(name: string): SlipwayError {
  return new SlipwayError("GIT_REPOSITORY_MISSING", `there is no repository ${name}`);
}

function nameTaken(name: string): SlipwayError {
  return new SlipwayError("NAME_TAKEN", `the name ${name} is taken`, { given: name });
}

function nameIn(request: GitRequest): string {
  const given = request.params.repository;
  const name = given.endsWith(".git") ? given.slice(0, -".git".length) : given;
  checkRepositoryName(name);
  if (given === name) {
    throw new SlipwayError("GIT_NAME_INVALID", "a repository's address ends in .git", {
      given,
      allowed: `${name}.git`,
    });
  }
  return name;
}

/** The repository that a request names; a push makes a project's on its first time. */
async function repositoryOf(deps: GitRoutesDeps, request: GitRequest, make: boolean): Promise<string> {
  const { repositories, owners, limits } = deps;
  const name = nameIn(request);
  if (await repositories.exists(name)) {
    if (make) await repositories.ensure(name);
    return name;
  }
  if (!make || name === ENVIRONMENT) {
    throw missing(name);
  }
  if ((await repositories.projects()).length >= limits.maxProjects) {
    throw new SlipwayError("TOO_LARGE", `there are ${limits.maxProjects} projects, which is the limit`);
  }
  // Before the repository is there, so that none is ever nobody's.
  const { tenant } = request.identity;
  if ((await owners.claim(name, tenant)) !== tenant) throw nameTaken(name);
  await repositories.ensure(name);
  return name;
}

/** Runs the program and streams both ways. */
async function serve(
  deps: GitRoutesDeps,
  served: Served,
  request: GitRequest,
  reply: FastifyReply,
  what: { name: string; path: string; push: boolean },
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  if (request.raw.socket.destroyed) gone.abort();
  const release = await served.slots.take(gone.signal);
  if (gone.signal.aborted) {
    release();
    throw new SlipwayError("UNAVAILABLE", "the caller went away");
  }
  const pusher = deps.pusher(request);
  const push = what.push
    ? deps.pushes.begin({
        id: deps.ids.hex(),
        pusher,
        mayChange: (tenant) => accessError(request.identity.caller, tenant, "write", "git") === null,
        onAccepted: () => accepted(),
      })
    : undefined;
  const backend = startBackend(
    { ...deps, config: pushConfig(deps) },
    backendRequest(request, what, pusher, push),
  );
  served.backends.add(backend);
  const late = new AbortController();
  const accepted = (): void => {
    release();
    late.abort();
  };
  void deps.clock.sleep(deps.limits.timeoutMs, late.signal).then(
    () => backend.end(),
    () => {},
  );
  const settled = backend.ended.then(() => {
    accepted();
    served.backends.delete(backend);
    return push?.end();
  });
  feed(request, backend);
  // A fetch ends with its reader. A push goes on without one: only nobody watches it any more.
  const leave = push ? () => push.leave() : () => backend.end();
  gone.signal.addEventListener("abort", leave, { once: true });
  const answer = await backend.answer;
  return reply.code(answer.status).headers(answer.headers).send(detached(answer.body, settled));
}

/** Holds whatever a repository's own configuration says. */
function pushConfig({ repositories, limits }: GitRoutesDeps): [string, string][] {
  return [
    ["core.hooksPath", repositories.hooksFolder],
    ["http.receivepack", "true"],
    ["receive.maxInputSize", String(limits.maxPackBytes)],
    ["receive.unpackLimit", "1"],
    ["transfer.fsckObjects", "true"],
  ];
}

function backendRequest(
  request: GitRequest,
  what: { name: string; path: string },
  remoteUser: string,
  push: OpenPush | undefined,
): Parameters<typeof startBackend>[1] {
  const { headers } = request;
  const protocol = headers["git-protocol"];
  const encoding = headers["content-encoding"];
  return {
    pathInfo: `/${what.name}.git/${what.path}`,
    method: request.method === "POST" ? "POST" : "GET",
    query: request.query.service === undefined ? "" : `service=${encodeURIComponent(request.query.service)}`,
    contentType: headers["content-type"],
    contentLength: headers["content-length"],
    contentEncoding: encoding === "gzip" || encoding === "x-gzip" ? encoding : undefined,
    protocol: typeof protocol === "string" && /^[a-z0-9=:]{1,64}$/.test(protocol) ? protocol : undefined,
    remoteUser: remoteUser.replace(/[^\w.@-]/g, "_").slice(0, 64) || "somebody",
    env: push ? { [PUSH_VARIABLE]: push.id } : {},
  };
}

/** The request's body to Git. A body that breaks off ends Git's input, and an incomplete pack is refused there. */
function feed(request: GitRequest, { input }: Backend): void {
  const body = request.raw;
  input.on("error", () => {
    // Git has refused before it read everything; the rest must go somewhere for the caller to read the answer.
    body.unpipe(input);
    body.resume();
  });
  body.on("close", () => {
    if (!body.complete) input.destroy();
  });
  body.pipe(input);
}

/**
 * A stream of its own to the caller: when the caller goes away Git's output is still read to its end. It ends when all is
 * settled, so that a push that Git refused after all is out of the mirror before its caller is told.
 */
function detached(body: NodeJS.ReadableStream, settled: Promise<void>): PassThrough {
  const toCaller = new PassThrough();
  body.on("error", (error) => toCaller.destroy(error));
  toCaller.on("close", () => {
    body.unpipe(toCaller);
    body.resume();
  });
  body.on("end", () => void settled.then(() => toCaller.end()));
  body.pipe(toCaller, { end: false });
  return toCaller;
}

/** A shutdown waits a moment for pushes that are being written, then ends all. */
async function drain(served: Served, clock: Clock): Promise<void> {
  const all = Promise.all([...served.backends].map((backend) => backend.ended));
  const late = new AbortController();
  const timer = clock.sleep(3_000, late.signal).catch(() => {});
  await Promise.race([all, timer]);
  late.abort();
  for (const backend of served.backends) backend.end();
}

/** Git shows the body of a refusal to the person when it is plain text. */
function answerGit(
  deps: GitRoutesDeps,
  error: SlipwayError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error.status >= 500 && error.code !== "UNAVAILABLE") {
    deps.logDefect(error, `${request.method} ${request.url}`);
  }
  if (error.status === 503) reply.header("retry-after", "1");
  if (error.status === 401) reply.header("www-authenticate", 'Basic realm="slipway"');
  const { given, allowed } = error.facts;
  const advice = `${error.hint} (${error.code})`;
  const facts = [given && `given: ${given}`, allowed && `allowed: ${allowed}`, advice].filter(Boolean);
  return reply
    .code(error.status)
    .type("text/plain; charset=utf-8")
    .send(`slipway: ${error.message}\n${facts.join("\n")}\n`);
}

function unknownPath(path: string): SlipwayError {
  return new SlipwayError("NOT_FOUND", `there is no ${path}`);
}
