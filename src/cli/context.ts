import type { Command } from "commander";
import type { Invocation } from "../base/invocation.ts";
import type { PlatformClient } from "./client.ts";
import type { CredentialsFile } from "./credentials-file.ts";
import type { KubernetesTools } from "./kubernetes-tools.ts";
import type { Colors, Terminal } from "./terminal.ts";
import type { UpOptions } from "./up-options.ts";

/** What the command line can't do itself: the composition root gives it. */
export interface Hooks {
  /** Runs the platform until it is told to end; answers the exit code. */
  up(options: UpOptions): Promise<number>;
  /** What works on platforms in Kubernetes; loaded when a command needs it. */
  kubernetes(): Promise<KubernetesTools>;
}

/** What every command gets. */
export interface CliContext {
  invocation: Invocation;
  hooks: Hooks;
  terminal: Terminal;
  colors: Colors;
  /** Of this program. */
  version: string;
  /** Wraps a command's action: its answer becomes the exit code. */
  action<Args extends unknown[]>(run: (...args: Args) => Promise<number>): (...args: Args) => Promise<void>;
  /** The platform that `--url`, SLIPWAY_URL or the default names, with SLIPWAY_TOKEN or what `slipway login` left. */
  client(options: PlatformOptions): PlatformClient;
  /** What `--tenant` or SLIPWAY_TENANT names; undefined: the caller's only one, else the default one. */
  tenantOf(options: TenantOptions): string | undefined;
  /** The same platform, about that tenant's things. */
  tenantClient(options: TenantOptions): PlatformClient;
  /** The Authorization header that `client` sends; undefined: none. */
  authorization(options: PlatformOptions): string | undefined;
  /** The same platform with this Authorization header, or with none. */
  clientWith(options: PlatformOptions, authorization: string | undefined): PlatformClient;
  /** Its address, without a slash at the end. */
  platformUrl(options: PlatformOptions): string;
  credentials: CredentialsFile;
  /** This machine's name, as far as a token's name may bear it. */
  machine: string;
}

/** Options of every command that calls a platform. */
export interface PlatformOptions {
  url?: string;
  json?: boolean;
}

/** Options of every command about projects and services. */
export interface TenantOptions extends PlatformOptions {
  tenant?: string;
}

/** One command of the program; its file holds its arguments, options, help and action. */
export type AddCommand = (program: Command, context: CliContext) => void;

/** Adds what every command that calls a platform takes. */
export function withPlatformOptions(command: Command): Command {
  return command
    .option("--url <url>", "address of the platform (or SLIPWAY_URL; default http://127.0.0.1:4600)")
    .option("--json", "print JSON");
}

/** The same, and whose projects and services it is about. */
export function withTenantOptions(command: Command): Command {
  command.option(
    "--tenant <name>",
    "whose it is (or SLIPWAY_TENANT; default: your only tenant, else default)",
  );
  return withPlatformOptions(command);
}

/** Adds examples and exit codes below a command's help. */
export function withHelp(command: Command, examples: readonly string[], exitCodes: string): Command {
  return command.addHelpText(
    "after",
    `\nExamples:\n${examples.map((line) => `  ${line}\n`).join("")}\n${exitCodes}`,
  );
}

/** Prints a value as JSON on stdout. */
export function printJson(context: CliContext, value: unknown): void {
  context.terminal.write(`${JSON.stringify(value, null, 2)}\n`);
}
