import { tmpdir } from "node:os";
import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import type { PushReport } from "../../push/driver/report.ts";
import { checkedUrl, type PlatformClient } from "../client.ts";
import { printJson, withHelp, withPlatformOptions } from "../context.ts";
import type { CliContext, PlatformOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { formatPush } from "../format-push.ts";
import { ImportProgress } from "../import-progress.ts";

interface PushOptions extends PlatformOptions {
  tenant?: string;
  sourceTenant?: string;
  experiment: string[];
  recheck?: boolean;
  jobs: string;
  dryRun?: boolean;
}

const MOST_JOBS = 64;

/** `slipway push https://platform [PROJECT]`: a project with all that hangs on it, from one platform to another. */
export function addPush(program: Command, context: CliContext): void {
  const command = program
    .command("push")
    .description("take a project with its runs, model and service to another platform; ids are kept")
    .argument("<address>", "of the platform that it goes to")
    .argument("[project]", "default: the only one that there is")
    .option("--tenant <name>", "whose it becomes there; default: your only tenant there, else default")
    .option("--source-tenant <name>", "whose it is here (or SLIPWAY_TENANT)")
    .option(
      "--experiment <name>",
      "this one comes along too, beside the project's own (may be repeated)",
      (name, names: string[]) => [...names, name],
      [],
    )
    .option("--recheck", "read again also runs that have ended and look unchanged")
    .option("--jobs <n>", "things that are sent at one time", "8")
    .option("--dry-run", "look for conflicts, say how much there is, and write nothing")
    .action(
      context.action((address: string, project: string | undefined, options: PushOptions) =>
        push(context, address, project, options),
      ),
    );
  withPlatformOptions(command);
  withHelp(
    command,
    [
      "slipway login --url https://ml.example.org",
      "slipway push https://ml.example.org churn --dry-run",
      "slipway push https://ml.example.org churn --tenant team-a",
      "SLIPWAY_TARGET_TOKEN=… slipway push https://ml.example.org --json",
    ],
    `${exitCodesHelp("unreachable", "refused", "notFound", "notPromoted")}\n` +
      "Signs in there as `slipway login --url <address>` left it, or with SLIPWAY_TARGET_TOKEN; SLIPWAY_TOKEN is for the\n" +
      "platform that --url names. Killed anywhere it may be run again: it goes on, and nothing is there twice.",
  );
}

async function push(
  context: CliContext,
  address: string,
  given: string | undefined,
  options: PushOptions,
): Promise<number> {
  const { terminal, invocation } = context;
  const url = checkedUrl(address, "<address>", "; a token goes into SLIPWAY_TARGET_TOKEN");
  const source = context.platformUrl(options);
  if (url === source)
    throw new SlipwayError("USAGE", "that is the platform itself", { where: "<address>", given: url });
  const tenant = options.sourceTenant ?? (invocation.env["SLIPWAY_TENANT"] || undefined);
  const project = given ?? (await onlyProject(context.client(options).ofTenant(tenant)));
  // Loaded only here: every other command starts without it.
  const { pushProject } = await import("../../push/driver/push-project.ts");
  const progress = new ImportProgress(terminal);
  try {
    const report = await pushProject({
      source: { url: source, authorization: context.authorization(options), tenant },
      target: { url, authorization: targetAuthorization(context, url), tenant: options.tenant },
      options: {
        project,
        experiments: options.experiment,
        isDryRun: options.dryRun === true,
        isRecheck: options.recheck === true,
        jobs: jobsOf(options),
      },
      clock: { now: terminal.now },
      sleep: terminal.sleep,
      random: Math.random,
      env: invocation.env,
      temporary: tmpdir(),
      changed: (changed) => progress.show(changed),
      said: (line) => {
        progress.end();
        terminal.writeError(`${line}\n`);
      },
    });
    progress.end();
    if (options.json === true) printJson(context, report);
    else terminal.write(formatPush(report));
    return exitCode(report);
  } finally {
    progress.end();
  }
}

function exitCode({ isComplete, service }: PushReport): number {
  if (!isComplete) return EXIT.failed;
  return service?.state === "rolledback" ? EXIT.notPromoted : EXIT.ok;
}

/** SLIPWAY_TOKEN isn't sent there: it is the other platform's. */
function targetAuthorization({ invocation, credentials }: CliContext, url: string): string | undefined {
  const token = invocation.env["SLIPWAY_TARGET_TOKEN"] || credentials.get(url)?.token;
  return token === undefined ? undefined : `Bearer ${token}`;
}

async function onlyProject(client: PlatformClient): Promise<string> {
  const { projects } = await client.get<{ projects: { name: string }[] }>("/projects?limit=20");
  const [first, ...more] = projects;
  if (first !== undefined && more.length === 0) return first.name;
  const names = projects.map(({ name }) => name).join(", ");
  throw new SlipwayError("USAGE", first === undefined ? "there is no project here" : "which project?", {
    where: "[project]",
    ...(first === undefined ? {} : { allowed: names }),
  });
}

function jobsOf({ jobs }: PushOptions): number {
  const number = /^\d{1,2}$/.test(jobs) ? Number(jobs) : 0;
  if (number >= 1 && number <= MOST_JOBS) return number;
  throw new SlipwayError("USAGE", "that isn't a number of things at one time", {
    where: "--jobs",
    given: jobs,
    allowed: `1 to ${MOST_JOBS}`,
  });
}
