import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { readCookie } from "../../http/credentials.ts";
import { SlipwayError, toSlipwayError } from "../../http/errors.ts";
import { DEFAULT_TENANT, NOBODY, type Caller } from "../../http/identity.ts";
import { addressOf } from "../../http/peer.ts";
import { fromFastify } from "../../http/server.ts";
import { callerOfPerson } from "../callers.ts";
import { SESSION_COOKIE, setCookie } from "../sessions.ts";
import { confirmDevice, waitingDevice } from "./device-commands.ts";
import type { LoginDeps } from "./login-deps.ts";
import { signInByOidc } from "./oidc-commands.ts";
import type { PendingSignIn } from "./oidc.ts";
import { codeForm, confirmForm, escapeHtml, passwordForm, sendPage } from "./pages.ts";

const LOGIN_COOKIE = "slipway_login";
/** Longest that somebody may take at the provider. */
const PENDING_MS = 10 * 60_000;
const MAX_FORM_BYTES = 16 * 1024;
/** Of where to go on; it travels in a cookie, and browsers keep 4096 bytes of one. */
const MAX_PATH = 1_000;

const OPEN = { schema: { hide: true }, config: { access: "open" as const } };

/** Where browsers sign in: by the identity provider, or with a password. */
export function loginRoutes(
  app: FastifyInstance,
  deps: LoginDeps,
  logDefect: (error: unknown) => void,
): void {
  void app.register(async (scope) => {
    scope.addContentTypeParser(
      "application/x-www-form-urlencoded",
      { parseAs: "string", bodyLimit: MAX_FORM_BYTES },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    scope.setErrorHandler((thrown: FastifyError, _request, reply) => {
      const error = fromFastify(thrown);
      if (error.code === "INTERNAL") logDefect(thrown);
      return sendPage(reply, error.status, "That didn't work", problem(error));
    });
    scope.get("/login", OPEN, (request, reply) => begin(deps, request, reply));
    scope.get("/login/callback", OPEN, (request, reply) => comeBack(deps, request, reply));
    scope.get("/login/password", OPEN, (request, reply) =>
      sendPage(reply, 200, "Sign in to Slipway", passwordForm(localPath(field(request.query, "to")), null)),
    );
    scope.post("/login/password", OPEN, (request, reply) => signInByPassword(deps, request, reply));
    scope.get("/login/device", OPEN, (request, reply) => showDevice(deps, request, reply));
    scope.post("/login/device", OPEN, (request, reply) => confirm(deps, request, reply));
    scope.post("/logout", OPEN, (request, reply) => signOut(deps, request, reply));
  });
}

async function begin(deps: LoginDeps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const to = localPath(field(request.query, "to"));
  if (deps.oidc === undefined) return reply.redirect(`/login/password?to=${encodeURIComponent(to)}`, 302);
  const { url, pending } = await deps.oidc.provider.begin(redirectUri(deps, request));
  const kept = Buffer.from(JSON.stringify({ ...pending, to })).toString("base64url");
  return reply
    .header("set-cookie", setCookie(LOGIN_COOKIE, kept, cookieOptions(deps, PENDING_MS)))
    .header("cache-control", "no-store")
    .redirect(url, 302);
}

/** The provider has sent the browser back. What it brings must fit to what this very browser was sent away with. */
async function comeBack(
  deps: LoginDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { oidc, db, clock } = deps;
  const kept = readPending(readCookie(request.headers.cookie, LOGIN_COOKIE));
  if (oidc === undefined || kept === undefined)
    throw new SlipwayError("SIGN_IN_FAILED", "this browser has no sign-in under way, or took too long");
  const query = new URLSearchParams(request.url.split("?")[1] ?? "");
  const signedIn = await oidc.provider.finish(query, kept, redirectUri(deps, request));
  const { name, isNew } = await db.write(signInByOidc, { signedIn, grants: oidc.grants, now: clock.now() });
  await deps.changed();
  const cookies = [
    await startSession(deps, request, name, { by: signedIn.issuer, isNew }),
    setCookie(LOGIN_COOKIE, "", cookieOptions(deps, 0)),
  ];
  return reply
    .header("set-cookie", cookies)
    .header("cache-control", "no-store")
    .redirect(localPath(kept.to), 302);
}

async function signInByPassword(
  deps: LoginDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const name = field(request.body, "name").slice(0, 200);
  const to = localPath(field(request.body, "to"));
  try {
    await deps.authenticator.person(name, field(request.body, "password"), addressOf(request));
  } catch (thrown) {
    const error = toSlipwayError(thrown);
    if (error.code !== "CREDENTIALS_REFUSED" && error.code !== "SIGN_IN_LIMITED") throw thrown;
    // What is limited isn't noted: the log would be what a guesser fills.
    if (error.code === "CREDENTIALS_REFUSED") request.audited = { subject: `person/${name}` };
    const words = error.code === "SIGN_IN_LIMITED" ? error.hint : "Name or password is wrong.";
    return sendPage(reply, error.status, "Sign in to Slipway", passwordForm(to, words));
  }
  const cookie = await startSession(deps, request, name, { by: "password" });
  return reply.header("set-cookie", cookie).header("cache-control", "no-store").redirect(to, 303);
}

/** Answers the session's cookie. A session always begins with a new secret: none can be given to a browser before. */
async function startSession(
  deps: LoginDeps,
  request: FastifyRequest,
  name: string,
  how: object,
): Promise<string> {
  const caller = await deps.db.read((tx) => callerOfPerson(tx, name));
  request.identity = { caller: caller ?? { ...NOBODY, name, kind: "person" }, tenant: DEFAULT_TENANT };
  request.audited = { subject: `person/${name}`, became: how };
  return deps.sessions.open(name, isSecure(deps));
}

async function showDevice(
  deps: LoginDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const person = await personOf(deps, request);
  const given = field(request.query, "code");
  if (person === undefined) {
    const to = given === "" ? "/login/device" : `/login/device?code=${encodeURIComponent(given)}`;
    return reply.redirect(`/login?to=${encodeURIComponent(to)}`, 302);
  }
  if (given === "") return sendPage(reply, 200, "Confirm a sign-in", codeForm());
  const userCode = codeOf(given);
  const { client } = await found(deps, request, person, () =>
    deps.db.read((tx) => waitingDevice(tx, userCode, deps.clock.now())),
  );
  return sendPage(reply, 200, "Confirm a sign-in", confirmForm({ userCode, client, person: person.name }));
}

async function confirm(deps: LoginDeps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const person = await personOf(deps, request);
  if (person === undefined) throw new SlipwayError("TOKEN_REQUIRED", "nobody is signed in here");
  const userCode = codeOf(field(request.body, "code"));
  await found(deps, request, person, () =>
    deps.db.write(confirmDevice, { userCode, person: person.name, now: deps.clock.now() }),
  );
  request.identity = { caller: person, tenant: DEFAULT_TENANT };
  request.audited = { subject: `person/${person.name}` };
  return sendPage(reply, 200, "Confirmed", "<p>The command line goes on. You can close this page.</p>");
}

/** Codes are short: who tries many of them is stopped. */
async function found<Result>(
  { limits }: LoginDeps,
  request: FastifyRequest,
  person: Caller,
  look: () => Promise<Result>,
): Promise<Result> {
  const name = `code ${person.name}`;
  const succeeded = limits.begin(name, addressOf(request));
  try {
    const result = await look();
    succeeded();
    return result;
  } catch (error) {
    if (!(error instanceof SlipwayError && error.code === "SIGN_IN_FAILED")) succeeded();
    throw error;
  }
}

async function signOut(deps: LoginDeps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const secret = readCookie(request.headers.cookie, SESSION_COOKIE);
  if (secret !== undefined) await deps.sessions.close(secret);
  await deps.changed();
  return reply
    .header("set-cookie", setCookie(SESSION_COOKIE, "", { ...cookieOptions(deps, 0), path: "/" }))
    .redirect("/login", 303);
}

/** The person whose session this browser has; nobody else confirms anything. */
async function personOf({ authenticator }: LoginDeps, request: FastifyRequest): Promise<Caller | undefined> {
  try {
    const caller = await authenticator.callerOf(request);
    return caller.kind === "person" ? caller : undefined;
  } catch {
    return undefined;
  }
}

/** A path of this platform to go on to, never another place, as it can stand in a header. */
function localPath(to: string): string {
  const base = "http://slipway.invalid";
  if (!to.startsWith("/") || !URL.canParse(to, base)) return "/services";
  const { origin, pathname, search, hash } = new URL(to, base);
  // Dots in front may leave two slashes at the beginning, which would be another host's name.
  const isLocal = origin === base && !pathname.startsWith("//") && to.length <= MAX_PATH;
  return isLocal ? `${pathname}${search}${hash}` : "/services";
}

function redirectUri({ publicUrl }: LoginDeps, request: FastifyRequest): string {
  // The guard has checked the host's name.
  return `${publicUrl ?? `http://${request.headers.host ?? ""}`}/login/callback`;
}

function isSecure({ publicUrl }: LoginDeps): boolean {
  return publicUrl?.startsWith("https:") === true;
}

function cookieOptions(
  deps: LoginDeps,
  maxAgeMs: number,
): { path: string; maxAgeMs: number; isSecure: boolean } {
  return { path: "/login", maxAgeMs, isSecure: isSecure(deps) };
}

function readPending(cookie: string | undefined): (PendingSignIn & { to: string }) | undefined {
  try {
    const kept: unknown = JSON.parse(Buffer.from(cookie ?? "", "base64url").toString("utf8"));
    const { state, nonce, verifier, to } = kept as Record<string, unknown>;
    if (![state, nonce, verifier, to].every((part) => typeof part === "string" && part !== ""))
      return undefined;
    return kept as PendingSignIn & { to: string };
  } catch {
    return undefined;
  }
}

/** As people type it: in any case, with or without the hyphen. */
function codeOf(given: string): string {
  const letters = given
    .toUpperCase()
    .replaceAll(/[^A-Z]/g, "")
    .slice(0, 8);
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

function field(fields: unknown, name: string): string {
  const value = (fields as Record<string, unknown> | null | undefined)?.[name];
  return typeof value === "string" ? value : "";
}

function problem({ message, hint, code }: SlipwayError): string {
  const words = [message, hint].map(escapeHtml).join("</p>\n<p>");
  return `<p role="alert">${words}</p>\n<p><small>${code}</small></p>\n<p><a href="/login">Sign in</a></p>`;
}
