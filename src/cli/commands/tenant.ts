import type { Command } from "commander";
import { printJson, withHelp, withPlatformOptions } from "../context.ts";
import type { CliContext, PlatformOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { table, tame } from "../terminal.ts";

interface Tenant {
  name: string;
  description: string | null;
  role: string;
}

interface Member {
  person: string;
  role: string;
  source: string;
}

const CODES = exitCodesHelp("unreachable", "refused", "notFound");

/** `slipway tenant …`: tenants, and who belongs to them. */
export function addTenant(program: Command, context: CliContext): void {
  const tenant = program
    .command("tenant")
    .description("tenants (MLflow's workspaces) and who belongs to them");
  withHelp(
    tenant,
    ["slipway tenant list --json", "slipway tenant create team-a", "slipway tenant grant team-a ana member"],
    CODES,
  );
  const add = (command: Command, example: string): void => {
    withPlatformOptions(command);
    withHelp(command, [example], CODES);
  };
  add(
    tenant
      .command("list")
      .description("tenants that you belong to")
      .action(context.action((options: PlatformOptions) => list(context, options))),
    "slipway tenant list",
  );
  add(
    tenant
      .command("create")
      .description("make a tenant")
      .argument("<name>", "2 to 63 lower-case letters, digits and hyphens")
      .option("--description <text>", "what it is for")
      .action(
        context.action(async (name: string, options: PlatformOptions & { description?: string }) => {
          const { description } = options;
          const body = { name, ...(description === undefined ? {} : { description }) };
          const made = await context.client(options).post<Tenant>("/tenants", body);
          return say(context, options, made, `tenant ${name} is made`);
        }),
      ),
    "slipway tenant create team-a --description 'Churn and fraud'",
  );
  add(
    tenant
      .command("delete")
      .description("delete an empty tenant; its own tokens end")
      .argument("<name>")
      .action(
        context.action(async (name: string, options: PlatformOptions) => {
          await context.client(options).delete(`/tenants/${encodeURIComponent(name)}`);
          return say(context, options, { name, deleted: true }, `tenant ${name} is deleted`);
        }),
      ),
    "slipway tenant delete team-a",
  );
  add(
    tenant
      .command("members")
      .description("who belongs to a tenant")
      .argument("<name>")
      .action(context.action((name: string, options: PlatformOptions) => members(context, name, options))),
    "slipway tenant members team-a",
  );
  addGrants(tenant, context, add);
}

function addGrants(
  tenant: Command,
  context: CliContext,
  add: (command: Command, example: string) => void,
): void {
  const path = (name: string, person: string): string =>
    `/tenants/${encodeURIComponent(name)}/members/${encodeURIComponent(person)}`;
  add(
    tenant
      .command("grant")
      .description("give a person a role in a tenant")
      .argument("<tenant>")
      .argument("<person>")
      .argument("<role>", "viewer, member or admin")
      .action(
        context.action(async (name: string, person: string, role: string, options: PlatformOptions) => {
          await context.client(options).put<unknown>(path(name, person), { role });
          return say(context, options, { tenant: name, person, role }, `${person} is ${role} of ${name}`);
        }),
      ),
    "slipway tenant grant team-a ana member",
  );
  add(
    tenant
      .command("revoke")
      .description("take a person's role in a tenant away")
      .argument("<tenant>")
      .argument("<person>")
      .action(
        context.action(async (name: string, person: string, options: PlatformOptions) => {
          await context.client(options).delete(path(name, person));
          const answer = { tenant: name, person, role: null };
          return say(context, options, answer, `${person} has no role of ${name} by hand any more`);
        }),
      ),
    "slipway tenant revoke team-a ana",
  );
}

async function list(context: CliContext, options: PlatformOptions): Promise<number> {
  const answer = await context.client(options).get<{ tenants: Tenant[] }>("/tenants");
  if (options.json === true) printJson(context, answer);
  else
    context.terminal.write(
      table(
        ["TENANT", "ROLE", "DESCRIPTION"],
        answer.tenants.map(({ name, role, description }) => [name, role, tame(description ?? "")]),
      ),
    );
  return EXIT.ok;
}

async function members(context: CliContext, name: string, options: PlatformOptions): Promise<number> {
  const path = `/tenants/${encodeURIComponent(name)}/members`;
  const answer = await context.client(options).get<{ members: Member[] }>(path);
  if (options.json === true) printJson(context, answer);
  else
    context.terminal.write(
      table(
        ["PERSON", "ROLE", "GIVEN BY"],
        answer.members.map(({ person, role, source }) => [tame(person), role, source]),
      ),
    );
  return EXIT.ok;
}

/** The answer as JSON, or one line. */
export function say(context: CliContext, { json }: PlatformOptions, answer: object, line: string): number {
  if (json === true) printJson(context, answer);
  else context.terminal.write(`${tame(line)}\n`);
  return EXIT.ok;
}
