import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import type { Invocation } from "../base/invocation.ts";
import { SlipwayError, toSlipwayError } from "../http/errors.ts";
import { PlatformClient, platformUrl } from "./client.ts";
import { addAudit } from "./commands/audit.ts";
import { addCall } from "./commands/call.ts";
import { addCancel } from "./commands/cancel.ts";
import { addDecisions } from "./commands/decisions.ts";
import { addGc } from "./commands/gc.ts";
import { addImport } from "./commands/import.ts";
import { addHistory } from "./commands/history.ts";
import { addInit } from "./commands/init.ts";
import { addLabels } from "./commands/labels.ts";
import { addLoad } from "./commands/load.ts";
import { addLogin, addLogout, addWhoami } from "./commands/login.ts";
import { addLogs } from "./commands/logs.ts";
import { addPlan } from "./commands/plan.ts";
import { addPlatform } from "./commands/platform/platform.ts";
import { addPredictions } from "./commands/predictions.ts";
import { addPush } from "./commands/push.ts";
import { addRerun } from "./commands/rerun.ts";
import { addRollout } from "./commands/rollout.ts";
import { addRuns } from "./commands/runs.ts";
import { addStatus } from "./commands/status.ts";
import { addTenant } from "./commands/tenant.ts";
import { addToken } from "./commands/token.ts";
import { addUp } from "./commands/up.ts";
import { addUser } from "./commands/user.ts";
import { addValidate } from "./commands/validate.ts";
import { addWhy } from "./commands/why.ts";
import type { AddCommand, CliContext, Hooks } from "./context.ts";
import { CredentialsFile, credentialsPath } from "./credentials-file.ts";
import { EXIT, exitCodeOf } from "./exit.ts";
import { formatError } from "./format-error.ts";
import { colorsFor } from "./terminal.ts";
import type { Terminal } from "./terminal.ts";

/** In the order of the help. */
const COMMANDS: readonly AddCommand[] = [
  addUp,
  addInit,
  addValidate,
  addPlan,
  addStatus,
  addRuns,
  addLogs,
  addWhy,
  addRerun,
  addCancel,
  addRollout,
  addDecisions,
  addHistory,
  addLabels,
  addPredictions,
  addCall,
  addLoad,
  addImport,
  addPush,
  addLogin,
  addLogout,
  addWhoami,
  addTenant,
  addUser,
  addToken,
  addAudit,
  addGc,
  addPlatform,
];

/** The `slipway` command with all its sub-commands. `setExit` gets the exit code of the one that was run. */
export function buildProgram(
  invocation: Invocation,
  hooks: Hooks,
  terminal: Terminal,
  setExit: (code: number) => void,
): Command {
  const credentials = new CredentialsFile(credentialsPath(invocation.env));
  const authorization: CliContext["authorization"] = (options) => {
    const token =
      invocation.env["SLIPWAY_TOKEN"] || credentials.get(platformUrl(options.url, invocation.env))?.token;
    return token === undefined ? undefined : `Bearer ${token}`;
  };
  const context: CliContext = {
    invocation,
    hooks,
    terminal,
    colors: colorsFor(terminal, invocation.env),
    version: readVersion(invocation),
    action:
      (run) =>
      async (...args) =>
        setExit(await run(...args)),
    authorization,
    client: (options) => new PlatformClient(platformUrl(options.url, invocation.env), authorization(options)),
    tenantOf: (options) => options.tenant ?? (invocation.env["SLIPWAY_TENANT"] || undefined),
    tenantClient: (options) => context.client(options).ofTenant(context.tenantOf(options)),
    clientWith: (options, authorization) =>
      new PlatformClient(platformUrl(options.url, invocation.env), authorization),
    platformUrl: (options) => platformUrl(options.url, invocation.env),
    credentials,
    machine:
      hostname()
        .replace(/[^\w.-]/g, "-")
        .slice(0, 50) || "machine",
  };
  const program = new Command("slipway")
    .description("From git push to a model in production and back.")
    .version(context.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help of a command")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      writeErr: (text) => terminal.writeError(text),
      // Said by runProgram, in the form of all errors.
      outputError: () => {},
    });
  for (const add of COMMANDS) add(program, context);
  return program;
}

/** Runs one command line; answers the exit code. Never throws: every error is printed with its code and hint. */
export async function runProgram(invocation: Invocation, hooks: Hooks, terminal: Terminal): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = buildProgram(invocation, hooks, terminal, (code) => (exitCode = code));
  try {
    if (invocation.argv.length === 0) program.outputHelp();
    else await program.parseAsync(invocation.argv, { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
    const error = thrown instanceof CommanderError ? usageError(thrown) : toSlipwayError(thrown);
    if (invocation.argv.includes("--json")) terminal.write(`${JSON.stringify({ error: error.toJSON() })}\n`);
    else terminal.writeError(formatError(error, colorsFor(terminal, invocation.env)));
    return exitCodeOf(error);
  }
}

function usageError(thrown: CommanderError): SlipwayError {
  if (thrown.code === "commander.help") return new SlipwayError("USAGE", "a command is needed");
  const [message, ...more] = thrown.message.replace(/^error: /, "").split("\n");
  const suggestion = more
    .join(" ")
    .trim()
    .replaceAll(/^\(|\)$/g, "");
  return new SlipwayError("USAGE", suggestion === "" ? `${message}` : `${message}. ${suggestion}`);
}

/** The package's version. */
function readVersion(invocation: Invocation): string {
  const file = join(invocation.packageDir, "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
