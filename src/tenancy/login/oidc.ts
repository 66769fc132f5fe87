import type * as OAuth from "oauth4webapi";
import { SlipwayError } from "../../http/errors.ts";
import type { Role } from "../../http/identity.ts";

/** Members of a group have a role in a tenant, or are platform admins. */
export type GroupGrant = { group: string } & ({ tenant: string; role: Role } | { isPlatformAdmin: true });

export interface OidcSettings {
  issuer: string;
  clientId: string;
  /** Undefined: a public client, which PKCE protects. */
  clientSecret?: string | undefined;
  /** Claim that lists a person's groups. */
  groupsClaim: string;
  /** Asked for besides `openid profile email`. */
  scopes: readonly string[];
  grants: readonly GroupGrant[];
}

/** What a browser keeps while its person is at the provider. */
export interface PendingSignIn {
  state: string;
  nonce: string;
  verifier: string;
}

/** Who the provider says has signed in. Issuer and subject are the person; the rest may change. */
export interface SignedIn {
  issuer: string;
  subject: string;
  /** Names to be known by, best first. */
  names: string[];
  displayName: string | null;
  groups: string[];
}

/** How long the provider's description of itself is believed, and longest wait for each of its answers. */
const METADATA_MS = 60 * 60_000;
const ANSWER_MS = 10_000;
const MOST_GROUPS = 1_000;

/** Sign-in by OpenID Connect: authorisation code with PKCE (RFC 7636), nonce and state. */
export class OidcProvider {
  readonly #settings: OidcSettings;
  readonly #now: () => number;
  #known: { server: OAuth.AuthorizationServer; until: number } | undefined;

  constructor(settings: OidcSettings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
  }

  get issuer(): string {
    return this.#settings.issuer;
  }

  /** Where to send the browser, and what it must bring back. */
  async begin(redirectUri: string): Promise<{ url: string; pending: PendingSignIn }> {
    const oauth = await library();
    const server = await this.#server(oauth);
    const pending = {
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      verifier: oauth.generateRandomCodeVerifier(),
    };
    const { clientId, scopes } = this.#settings;
    if (server.authorization_endpoint === undefined)
      throw failed("the provider names no authorization endpoint");
    const url = new URL(server.authorization_endpoint);
    for (const [name, value] of Object.entries({
      response_type: "code",
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: ["openid", "profile", "email", ...scopes].join(" "),
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: "S256",
    }))
      url.searchParams.set(name, value);
    return { url: url.toString(), pending };
  }

  /** Who has come back with these parameters. SIGN_IN_FAILED for everything that doesn't fit together. */
  async finish(parameters: URLSearchParams, pending: PendingSignIn, redirectUri: string): Promise<SignedIn> {
    const oauth = await library();
    const server = await this.#server(oauth);
    try {
      return await this.#exchange(oauth, server, parameters, pending, redirectUri);
    } catch (error) {
      throw isNetwork(error) ? unreachable(this.#settings.issuer, error) : failed(reasonOf(error), error);
    }
  }

  async #exchange(
    oauth: typeof OAuth,
    server: OAuth.AuthorizationServer,
    parameters: URLSearchParams,
    pending: PendingSignIn,
    redirectUri: string,
  ): Promise<SignedIn> {
    const { clientId, clientSecret } = this.#settings;
    const client: OAuth.Client = { client_id: clientId };
    const auth = clientSecret === undefined ? oauth.None() : secretAuth(oauth, server, clientSecret);
    const checked = oauth.validateAuthResponse(server, client, parameters, pending.state);
    const options = this.#options(oauth);
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      auth,
      checked,
      redirectUri,
      pending.verifier,
      options,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
      expectedNonce: pending.nonce,
      requireIdToken: true,
    });
    // It came by TLS from the provider itself; its signature is checked all the same.
    await oauth.validateApplicationLevelSignature(server, response, options);
    const claims = oauth.getValidatedIdTokenClaims(tokens);
    if (claims === undefined) throw new Error("the provider sent no ID token");
    const more =
      server.userinfo_endpoint === undefined
        ? {}
        : await oauth.processUserInfoResponse(
            server,
            client,
            claims.sub,
            await oauth.userInfoRequest(server, client, tokens.access_token, options),
          );
    return this.#signedIn({ ...claims, ...more }, claims.sub);
  }

  #signedIn(claims: Readonly<Record<string, unknown>>, subject: string): SignedIn {
    const { issuer, groupsClaim } = this.#settings;
    const text = (name: string): string[] => (typeof claims[name] === "string" ? [claims[name]] : []);
    const email = claims["email_verified"] === true ? text("email") : [];
    const groups = claims[groupsClaim];
    return {
      issuer,
      subject,
      names: [...text("preferred_username"), ...email],
      displayName: [...text("name"), ...text("preferred_username")][0]?.slice(0, 200) ?? null,
      groups: (Array.isArray(groups) ? groups : typeof groups === "string" ? [groups] : [])
        .filter((group): group is string => typeof group === "string")
        .slice(0, MOST_GROUPS),
    };
  }

  async #server(oauth: typeof OAuth): Promise<OAuth.AuthorizationServer> {
    if (this.#known !== undefined && this.#known.until > this.#now()) return this.#known.server;
    const issuer = new URL(this.#settings.issuer);
    try {
      const response = await oauth.discoveryRequest(issuer, this.#options(oauth));
      const server = await oauth.processDiscoveryResponse(issuer, response);
      this.#known = { server, until: this.#now() + METADATA_MS };
      return server;
    } catch (error) {
      throw unreachable(this.#settings.issuer, error);
    }
  }

  #options(oauth: typeof OAuth): { [OAuth.allowInsecureRequests]: boolean; signal: () => AbortSignal } {
    return {
      // Only of a provider on this machine: `slipway up` takes no other without TLS.
      [oauth.allowInsecureRequests]: new URL(this.#settings.issuer).protocol === "http:",
      signal: () => AbortSignal.timeout(ANSWER_MS),
    };
  }
}

/** Loaded at the first sign-in: a start needs none of it. */
function library(): Promise<typeof OAuth> {
  return import("oauth4webapi");
}

function secretAuth(
  oauth: typeof OAuth,
  { token_endpoint_auth_methods_supported: methods }: OAuth.AuthorizationServer,
  secret: string,
): OAuth.ClientAuth {
  const takesBasic = methods === undefined || methods.includes("client_secret_basic");
  return takesBasic ? oauth.ClientSecretBasic(secret) : oauth.ClientSecretPost(secret);
}

function isNetwork(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Error && error.name === "TimeoutError");
}

/** What the provider said when it refused, without anything that was sent. */
function reasonOf(error: unknown): string {
  const { error: code, error_description: words } = (error ?? {}) as Record<string, unknown>;
  const said = [code, words].filter((part) => typeof part === "string").join(": ");
  return (said === "" ? String((error as Error | undefined)?.message ?? "it didn't work out") : said).slice(
    0,
    300,
  );
}

function failed(reason: string, cause?: unknown): SlipwayError {
  return new SlipwayError("SIGN_IN_FAILED", `the sign-in failed: ${reason}`, { cause });
}

function unreachable(issuer: string, cause: unknown): SlipwayError {
  return new SlipwayError("OIDC_UNREACHABLE", `the identity provider at ${issuer} doesn't answer as one`, {
    cause,
  });
}
