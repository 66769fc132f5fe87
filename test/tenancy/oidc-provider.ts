import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
// @ts-expect-error it brings no types
import { Provider } from "oidc-provider";

/** A real OpenID provider on this machine. Whoever is named in `accounts` signs in by naming themselves. */
export interface TestProvider {
  issuer: string;
  accounts: Map<string, Record<string, unknown>>;
  /** Goes through the provider's pages as a person would; answers where it sends the browser back to. */
  signIn(authorizeUrl: string, account: string): Promise<string>;
  close(): Promise<void>;
}

export const CLIENT = { client_id: "slipway", client_secret: "a-secret-of-the-tests" };

export async function startProvider(redirectUris: () => string[]): Promise<TestProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const accounts: TestProvider["accounts"] = new Map();
  const provider = new Provider(issuer, {
    clients: [{ ...CLIENT, redirect_uris: redirectUris(), grant_types: ["authorization_code"] }],
    claims: {
      openid: ["sub"],
      profile: ["name", "preferred_username"],
      email: ["email", "email_verified"],
      groups: ["groups"],
    },
    scopes: ["openid", "profile", "email", "groups"],
    cookies: { keys: ["a key of the tests"] },
    pkce: { required: () => true },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, ...accounts.get(id) }),
    }),
  });
  server.on("request", provider.callback());
  return {
    issuer,
    accounts,
    signIn: (url, account) => signIn(issuer, url, account),
    close: () => closed(server),
  };
}

/** The provider's development pages: one form asks for the name, the next for consent. */
async function signIn(issuer: string, authorizeUrl: string, account: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = authorizeUrl;
  let form: URLSearchParams | undefined;
  for (let step = 0; step < 12; step++) {
    const answer = await fetch(url, {
      redirect: "manual",
      method: form === undefined ? "GET" : "POST",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form === undefined ? {} : { body: form }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) cookies.set(name, value);
    }
    const to = answer.headers.get("location");
    form = undefined;
    if (to === null) {
      const page = await answer.text();
      const action = /action="([^"]+)"/.exec(page)?.[1];
      const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1];
      if (action === undefined || prompt === undefined)
        throw new Error(`the provider says: ${page.slice(0, 2000)}`);
      url = new URL(action, issuer).toString();
      form = new URLSearchParams({ prompt, login: account, password: "any" });
      continue;
    }
    url = new URL(to, url).toString();
    if (!url.startsWith(issuer)) return url;
  }
  throw new Error("the provider sends in circles");
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
