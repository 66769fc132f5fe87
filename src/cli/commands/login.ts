import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import type { PlatformClient } from "../client.ts";
import { printJson, withHelp, withPlatformOptions } from "../context.ts";
import type { CliContext, PlatformOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { readSecret } from "../read-secret.ts";
import { tame } from "../terminal.ts";

interface LoginOptions extends PlatformOptions {
  user?: string;
  token?: boolean;
}

export interface Whoami {
  name: string;
  kind: string;
  platformAdmin: boolean;
  roles: Record<string, string>;
  scopes: string[] | null;
  tokenId: string | null;
}

interface DeviceAnswer {
  deviceCode: string;
  userCode: string;
  /** Path below the platform's address, with the code. */
  path: string;
  url: string | null;
  intervalMs: number;
  expiresAt: number;
}

/** Of the token that a sign-in makes. */
const TOKEN_DAYS = 30;

/** `slipway login`: signs a person in, by a browser, a password or a token. */
export function addLogin(program: Command, context: CliContext): void {
  const command = program
    .command("login")
    .description("sign in to a platform; other commands then send who you are")
    .option("--user <name>", "with a password, which is asked for or read from standard input")
    .option("--token", "with a token, which is asked for or read from standard input")
    .action(context.action((options: LoginOptions) => login(context, options)));
  withPlatformOptions(command);
  withHelp(
    command,
    [
      "slipway login --url https://ml.example.org",
      "slipway login --user ana",
      'printf %s "$TOKEN" | slipway login --token',
    ],
    `${exitCodesHelp("unreachable", "refused")}\nThe token that this leaves lies in slipway/credentials.json of your configuration folder and ends after ${TOKEN_DAYS} days.`,
  );
}

async function login(context: CliContext, options: LoginOptions): Promise<number> {
  const { terminal } = context;
  if (options.user !== undefined && options.token === true)
    throw new SlipwayError("USAGE", "one way to sign in is enough", { allowed: "--user or --token" });
  const url = context.platformUrl(options);
  const token = await tokenFor(context, options);
  if (token === undefined) {
    const answer = { url, name: "local", signedIn: false };
    if (options.json === true) printJson(context, answer);
    else terminal.write(`${url} needs no sign-in: you are its local caller\n`);
    return EXIT.ok;
  }
  const me = await context.clientWith(options, `Bearer ${token}`).get<Whoami>("/whoami");
  context.credentials.put(url, { token, name: me.name });
  if (options.json === true) printJson(context, { url, name: me.name, signedIn: true });
  else terminal.write(`signed in to ${url} as ${tame(me.name)}\n`);
  return EXIT.ok;
}

async function tokenFor(context: CliContext, options: LoginOptions): Promise<string | undefined> {
  if (options.token === true) return (await readSecret(context, "Token")).trim();
  if (options.user !== undefined) {
    const password = await readSecret(context, `Password of ${options.user}`);
    const basic = Buffer.from(`${options.user}:${password}`).toString("base64");
    return newToken(context.clientWith(options, `Basic ${basic}`), context.machine);
  }
  const client = context.clientWith(options, undefined);
  const isOpen = await client.get<Whoami>("/whoami").then(
    () => true,
    (error: unknown) => {
      if (error instanceof SlipwayError && error.status === 401) return false;
      throw error;
    },
  );
  return isOpen ? undefined : byBrowser(context, client, options);
}

async function newToken(client: PlatformClient, machine: string): Promise<string> {
  const body = { name: `cli@${machine}`, expiresInDays: TOKEN_DAYS };
  return (await client.post<{ token: string }>("/tokens", body)).token;
}

/** The command waits while a person confirms its code in any browser, as RFC 8628 has it. */
async function byBrowser(
  context: CliContext,
  client: PlatformClient,
  options: LoginOptions,
): Promise<string> {
  const { terminal } = context;
  const device = await client.post<DeviceAnswer>("/login/device", { client: context.machine });
  const address = device.url ?? `${context.platformUrl(options)}${device.path}`;
  terminal.writeError(
    `Open ${address}\nsign in, and confirm that it shows the code ${tame(device.userCode)}\n`,
  );
  for (;;) {
    await terminal.sleep(device.intervalMs);
    try {
      const { token } = await client.post<{ token: string }>("/login/device/token", {
        deviceCode: device.deviceCode,
      });
      return token;
    } catch (error) {
      if (!(error instanceof SlipwayError) || error.code !== "SIGN_IN_PENDING") throw error;
    }
  }
}

/** `slipway logout`: ends the sign-in, at the platform too. */
export function addLogout(program: Command, context: CliContext): void {
  const command = program
    .command("logout")
    .description("end a sign-in: its token is revoked and forgotten")
    .action(context.action((options: PlatformOptions) => logout(context, options)));
  withPlatformOptions(command);
  withHelp(command, ["slipway logout"], exitCodesHelp());
}

async function logout(context: CliContext, options: PlatformOptions): Promise<number> {
  const url = context.platformUrl(options);
  const stored = context.credentials.get(url);
  const isRevoked = stored !== undefined && (await revoke(context, options, stored.token));
  if (stored !== undefined) context.credentials.remove(url);
  if (options.json === true) printJson(context, { url, signedOut: stored !== undefined, revoked: isRevoked });
  else if (stored === undefined) context.terminal.write(`nobody is signed in to ${url} here\n`);
  else
    context.terminal.write(
      isRevoked
        ? `signed out of ${url}; the token is revoked\n`
        : `signed out of ${url} here; the platform couldn't be asked to revoke the token, or knew it no longer\n`,
    );
  return EXIT.ok;
}

async function revoke(context: CliContext, options: PlatformOptions, token: string): Promise<boolean> {
  const client = context.clientWith(options, `Bearer ${token}`);
  try {
    const { tokenId } = await client.get<Whoami>("/whoami");
    if (tokenId === null) return false;
    await client.delete(`/tokens/${encodeURIComponent(tokenId)}`);
    return true;
  } catch {
    return false;
  }
}

/** `slipway whoami`: who the platform takes you for. */
export function addWhoami(program: Command, context: CliContext): void {
  const command = program
    .command("whoami")
    .description("show who the platform takes you for, and your roles")
    .action(
      context.action(async (options: PlatformOptions) => {
        const me = await context.client(options).get<Whoami>("/whoami");
        if (options.json === true) printJson(context, me);
        else context.terminal.write(formatWhoami(me));
        return EXIT.ok;
      }),
    );
  withPlatformOptions(command);
  withHelp(command, ["slipway whoami", "slipway whoami --json"], exitCodesHelp("unreachable", "refused"));
}

function formatWhoami(me: Whoami): string {
  const roles = Object.entries(me.roles).map(([tenant, role]) => `${role} of ${tenant}`);
  const lines = [
    `${tame(me.name)} (${me.kind})`,
    ...(me.platformAdmin ? ["platform admin"] : roles.length === 0 ? ["no role in any tenant"] : roles),
    ...(me.scopes === null ? [] : [`by a token for ${me.scopes.join(", ")}`]),
  ];
  return `${lines.map(tame).join("\n")}\n`;
}
