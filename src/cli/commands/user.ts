import type { Command } from "commander";
import { printJson, withHelp, withPlatformOptions } from "../context.ts";
import type { CliContext, PlatformOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { readSecret } from "../read-secret.ts";
import { table, tame } from "../terminal.ts";
import type { Whoami } from "./login.ts";
import { say } from "./tenant.ts";

interface Person {
  name: string;
  displayName: string;
  platformAdmin: boolean;
  disabled: boolean;
  hasPassword: boolean;
  issuer: string | null;
}

interface CreateOptions extends PlatformOptions {
  displayName?: string;
  password?: boolean;
  platformAdmin?: boolean;
}

const CODES = exitCodesHelp("unreachable", "refused", "notFound");

/** `slipway user …`: people. */
export function addUser(program: Command, context: CliContext): void {
  const user = program.command("user").description("people who may sign in (platform admins)");
  withHelp(user, ["slipway user create ana", "slipway user list --json", "slipway user passwd ana"], CODES);
  const create = user
    .command("create")
    .description("make a person")
    .argument("<name>")
    .option("--display-name <text>", "as it is shown to others")
    .option("--no-password", "signs in by tokens and by the identity provider only")
    .option("--platform-admin", "may do everything")
    .action(context.action((name: string, options: CreateOptions) => createUser(context, name, options)));
  withPlatformOptions(create);
  withHelp(create, ["slipway user create ana", "slipway user create ana --no-password"], CODES);
  const list = user
    .command("list")
    .description("people, by name")
    .action(context.action((options: PlatformOptions) => listUsers(context, options)));
  withPlatformOptions(list);
  withHelp(list, ["slipway user list"], CODES);
  const passwd = user
    .command("passwd")
    .description("set a password: your own, or anyone's as a platform admin; all sessions end")
    .argument("<name>")
    .action(context.action((name: string, options: PlatformOptions) => passwdOf(context, name, options)));
  withPlatformOptions(passwd);
  withHelp(passwd, ["slipway user passwd ana"], CODES);
  for (const [word, disabled] of [
    ["disable", true],
    ["enable", false],
  ] as const) {
    const command = user
      .command(word)
      .description(disabled ? "shut a person out: sessions end, tokens don't work" : "let a person in again")
      .argument("<name>")
      .action(
        context.action(async (name: string, options: PlatformOptions) => {
          const answer = await context.client(options).patch<object>(pathOf(name), { disabled });
          return say(context, options, answer, `${name} is ${word}d`);
        }),
      );
    withPlatformOptions(command);
    withHelp(command, [`slipway user ${word} ana`], CODES);
  }
  const remove = user
    .command("delete")
    .description("delete a person; all tokens end")
    .argument("<name>")
    .action(
      context.action(async (name: string, options: PlatformOptions) => {
        await context.client(options).delete(pathOf(name));
        return say(context, options, { name, deleted: true }, `${name} is deleted`);
      }),
    );
  withPlatformOptions(remove);
  withHelp(remove, ["slipway user delete ana"], CODES);
}

async function createUser(context: CliContext, name: string, options: CreateOptions): Promise<number> {
  const password = options.password === false ? undefined : await readSecret(context, `Password of ${name}`);
  const answer = await context.client(options).post<Person>("/people", {
    name,
    ...(options.displayName === undefined ? {} : { displayName: options.displayName }),
    ...(password === undefined ? {} : { password }),
    ...(options.platformAdmin === true ? { platformAdmin: true } : {}),
  });
  return say(context, options, answer, `${name} is known; give roles with slipway tenant grant`);
}

async function listUsers(context: CliContext, options: PlatformOptions): Promise<number> {
  const people: Person[] = [];
  for (let after: string | undefined = ""; after !== undefined;) {
    const path = `/people?limit=1000&after=${encodeURIComponent(after)}`;
    const page: { people: Person[] } = await context.client(options).get(path);
    people.push(...page.people);
    after = page.people.length === 1000 ? page.people.at(-1)?.name : undefined;
  }
  if (options.json === true) printJson(context, { people });
  else
    context.terminal.write(
      table(
        ["PERSON", "NAME", "SIGNS IN BY", "STATE"],
        people.map((person) => [
          tame(person.name),
          tame(person.displayName),
          [person.hasPassword ? "password" : "", person.issuer ?? ""].filter(Boolean).join(", ") || "tokens",
          person.disabled ? "shut out" : person.platformAdmin ? "platform admin" : "",
        ]),
      ),
    );
  return EXIT.ok;
}

async function passwdOf(context: CliContext, name: string, options: PlatformOptions): Promise<number> {
  const client = context.client(options);
  const me = await client.get<Whoami>("/whoami");
  const current = me.platformAdmin ? undefined : await readSecret(context, "Password of now");
  const password = await readSecret(context, "New password");
  await client.put<unknown>(`${pathOf(name)}/password`, {
    password,
    ...(current === undefined ? {} : { currentPassword: current }),
  });
  return say(context, options, { name, changed: true }, `the password of ${name} is changed`);
}

function pathOf(name: string): string {
  return `/people/${encodeURIComponent(name)}`;
}
