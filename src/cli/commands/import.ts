import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import { checkedUrl } from "../client.ts";
import { printJson, withHelp, withPlatformOptions } from "../context.ts";
import type { CliContext, PlatformOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { formatImport } from "../format-import.ts";
import { ImportProgress } from "../import-progress.ts";

interface ImportOptions extends PlatformOptions {
  tenant?: string;
  experiment: string[];
  sourceWorkspace?: string;
  artifacts: boolean;
  recheck?: boolean;
  jobs: string;
  dryRun?: boolean;
}

const MOST_JOBS = 64;

/** `slipway import …`: bringing what other servers hold. */
export function addImport(program: Command, context: CliContext): void {
  const all = program.command("import").description("bring what another server holds");
  const command = all
    .command("mlflow")
    .description("bring everything from an MLflow server; run again, it goes on and brings what is new")
    .argument("<address>", "of the MLflow server, as MLFLOW_TRACKING_URI has it")
    .option("--tenant <name>", "where it goes; default: yours")
    .option(
      "--experiment <name>",
      "only this one, its models' versions and traces (may be repeated)",
      (name, names: string[]) => [...names, name],
      [],
    )
    .option("--source-workspace <name>", "MLflow's workspace to read; default: the server's own")
    .option("--no-artifacts", "leave files where they are")
    .option("--recheck", "read again also what is here and looks unchanged")
    .option("--jobs <n>", "things that are brought at one time", "8")
    .option("--dry-run", "say how much there is, and write nothing")
    .action(context.action((address: string, options: ImportOptions) => run(context, address, options)));
  withPlatformOptions(command);
  const examples = [
    "slipway import mlflow http://mlflow.example.com:5000 --dry-run",
    "MLFLOW_TRACKING_TOKEN=… slipway import mlflow https://mlflow.example.com --tenant team-a",
    "slipway import mlflow http://127.0.0.1:5000 --experiment churn --json",
  ];
  const codes = exitCodesHelp("unreachable", "refused");
  withHelp(command, examples, codes);
  withHelp(all, examples, codes);
}

async function run(context: CliContext, address: string, options: ImportOptions): Promise<number> {
  const { terminal, invocation } = context;
  const url = checkedUrl(address, "<address>");
  const platformUrl = context.platformUrl(options);
  if (url === platformUrl)
    throw new SlipwayError("USAGE", "that is the platform itself", { where: "<address>", given: url });
  const jobs = /^\d{1,2}$/.test(options.jobs) ? Number(options.jobs) : 0;
  if (jobs < 1 || jobs > MOST_JOBS)
    throw new SlipwayError("USAGE", "that isn't a number of things at one time", {
      where: "--jobs",
      given: options.jobs,
      allowed: `1 to ${MOST_JOBS}`,
    });
  // Loaded only here: every other command starts without it.
  const { importAll, MlflowSource, Platform } = await import("../../import/driver/index.ts");
  const waiting = { sleep: terminal.sleep, random: Math.random };
  const token = invocation.env["SLIPWAY_TOKEN"] || context.credentials.get(platformUrl)?.token;
  const progress = new ImportProgress(terminal);
  try {
    const report = await importAll({
      source: new MlflowSource({
        url,
        authorization: sourceAuthorization(invocation.env),
        workspace: options.sourceWorkspace,
        ...waiting,
      }),
      platform: new Platform({
        url: platformUrl,
        authorization: token === undefined ? undefined : `Bearer ${token}`,
        tenant: options.tenant,
        ...waiting,
      }),
      options: {
        experiments: options.experiment,
        isDryRun: options.dryRun === true,
        isRecheck: options.recheck === true,
        withArtifacts: options.artifacts,
        jobs,
      },
      sourceName: options.sourceWorkspace === undefined ? url : `${url}#${options.sourceWorkspace}`,
      clock: { now: terminal.now },
      changed: (changed) => progress.show(changed),
    });
    progress.end();
    if (options.json === true) printJson(context, report);
    else terminal.write(formatImport(report));
    return report.isComplete ? EXIT.ok : EXIT.failed;
  } finally {
    progress.end();
  }
}

/** As MLflow's own client signs in there: a token, or a name with its password. */
function sourceAuthorization(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const { MLFLOW_TRACKING_USERNAME: name, MLFLOW_TRACKING_PASSWORD: password } = env;
  if (name && password) return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
  const token = env["MLFLOW_TRACKING_TOKEN"];
  return token ? `Bearer ${token}` : undefined;
}
