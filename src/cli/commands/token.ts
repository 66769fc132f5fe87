import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import { printJson, withHelp, withPlatformOptions } from "../context.ts";
import type { CliContext, PlatformOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { ago, table, tame } from "../terminal.ts";
import { say } from "./tenant.ts";

interface Token {
  id: string;
  name: string;
  person: string | null;
  tenant: string | null;
  role: string | null;
  platformAdmin: boolean;
  scopes: string[] | null;
  expiresAt: number | null;
  revokedAt: number | null;
  lastUsedAt: number | null;
}

interface CreateOptions extends PlatformOptions {
  scope: string[];
  expires: string;
  user?: string;
  tenant?: string;
  role?: string;
  platformAdmin?: boolean;
}

interface ListOptions extends PlatformOptions {
  user?: string;
  tenant?: string;
  all?: boolean;
}

const CODES = exitCodesHelp("unreachable", "refused", "notFound");

/** `slipway token …`: tokens of people and machines. */
export function addToken(program: Command, context: CliContext): void {
  const token = program.command("token").description("tokens of people and machines");
  withHelp(
    token,
    ["slipway token list --json", "slipway token create ci --tenant default --role member --scope git"],
    CODES,
  );
  const create = token
    .command("create")
    .description("make a token; it is shown this once")
    .argument("<name>", "what it is for")
    .option(
      "--scope <scope>",
      "what it may be used for: read, write, predict, git, admin (repeatable)",
      collect,
      [],
    )
    .option("--expires <days>", "after how many days it ends; never: it doesn't", "90")
    .option("--user <person>", "whose it is, where that isn't you (platform admins)")
    .option("--tenant <tenant>", "of a machine in this tenant, with --role")
    .option("--role <role>", "viewer, member or admin of that tenant")
    .option("--platform-admin", "of a machine that may do everything")
    .action(context.action((name: string, options: CreateOptions) => createToken(context, name, options)));
  withPlatformOptions(create);
  withHelp(
    create,
    [
      "slipway token create laptop",
      "slipway token create web-shop --tenant default --role viewer --scope predict --expires never",
    ],
    CODES,
  );
  const list = token
    .command("list")
    .description("your tokens, or others' where you may see them")
    .option("--user <person>", "another person's (platform admins)")
    .option("--tenant <tenant>", "of machines in this tenant (its admins)")
    .option("--all", "of everybody (platform admins)")
    .action(context.action((options: ListOptions) => listTokens(context, options)));
  withPlatformOptions(list);
  withHelp(list, ["slipway token list", "slipway token list --tenant team-a"], CODES);
  const revoke = token
    .command("revoke")
    .description("end a token, at once")
    .argument("<id>", "as `slipway token list` shows it")
    .action(
      context.action(async (id: string, options: PlatformOptions) => {
        await context.client(options).delete(`/tokens/${encodeURIComponent(id)}`);
        return say(context, options, { id, revoked: true }, `token ${id} is revoked`);
      }),
    );
  withPlatformOptions(revoke);
  withHelp(revoke, ["slipway token revoke tk-07x2k9q4m1ab"], CODES);
}

function collect(value: string, before: string[]): string[] {
  return [...before, ...value.split(",")];
}

async function createToken(context: CliContext, name: string, options: CreateOptions): Promise<number> {
  const { user, tenant, role, platformAdmin, scope } = options;
  const answer = await context.client(options).post<Token & { token: string }>("/tokens", {
    name,
    expiresInDays: days(options.expires),
    ...(scope.length === 0 ? {} : { scopes: scope }),
    ...(user === undefined ? {} : { person: user }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(role === undefined ? {} : { role }),
    ...(platformAdmin === true ? { platformAdmin } : {}),
  });
  if (options.json === true) printJson(context, answer);
  else {
    // The token alone on standard output, so that it can be piped.
    context.terminal.writeError(`token ${answer.id} of ${holder(answer)}; it is shown this once:\n`);
    context.terminal.write(`${answer.token}\n`);
  }
  return EXIT.ok;
}

function days(given: string): number | "never" {
  if (given === "never") return given;
  const value = Number(given);
  if (Number.isFinite(value) && value > 0) return value;
  throw new SlipwayError("USAGE", "that isn't a number of days", {
    where: "--expires",
    given,
    allowed: "such as 30, or never",
  });
}

async function listTokens(context: CliContext, options: ListOptions): Promise<number> {
  const query = new URLSearchParams({
    ...(options.user === undefined ? {} : { person: options.user }),
    ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
    ...(options.all === true ? { all: "true" } : {}),
  });
  const answer = await context.client(options).get<{ tokens: Token[] }>(`/tokens?${query.toString()}`);
  if (options.json === true) {
    printJson(context, answer);
    return EXIT.ok;
  }
  const now = context.terminal.now();
  const rows = answer.tokens.map((token) => [
    token.id,
    tame(token.name),
    tame(holder(token)),
    token.scopes?.join(",") ?? "all",
    stateOf(token, now),
    ago(token.lastUsedAt, now),
  ]);
  context.terminal.write(table(["TOKEN", "NAME", "OF", "SCOPES", "STATE", "LAST USED"], rows));
  return EXIT.ok;
}

function holder({ person, tenant, role, platformAdmin }: Token): string {
  if (person !== null) return person;
  return platformAdmin ? "a platform admin" : `a ${role} of ${tenant}`;
}

function stateOf({ revokedAt, expiresAt }: Token, now: number): string {
  if (revokedAt !== null) return "revoked";
  if (expiresAt === null) return "never ends";
  return expiresAt <= now ? "ended" : `ends in ${Math.ceil((expiresAt - now) / 86_400_000)} d`;
}
