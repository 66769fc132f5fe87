import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import type { Arrivals } from "../../load/arrivals.ts";
import { openLoop } from "../../load/open-loop.ts";
import type { OpenLoopResult } from "../../load/open-loop.ts";
import { durationWords, parseDuration } from "../../spec/units.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { formatLoad, loadReport } from "../format-load.ts";
import { oneOf } from "../one-of.ts";
import { fetchCallee } from "../snippets/fetch-callee.ts";
import type { FoundCallee } from "../snippets/fetch-callee.ts";
import { httpRequest } from "../snippets/request.ts";

interface LoadOptions extends TenantOptions {
  rate: string;
  for: string;
  warmUp: string;
  arrivals: string;
  connections: string;
  timeout: string;
  protocol?: string;
  body?: string;
}

const ARRIVALS: readonly Arrivals[] = ["poisson", "even"];
const HTTP_PROTOCOLS = ["v2", "v1", "invocations"] as const;
const MOST_RATE = 100_000;
const MOST_CONNECTIONS = 1_024;
const MOST_WAITING = 100_000;

/** `slipway load MODEL`: a small open-loop load test. */
export function addLoad(program: Command, context: CliContext): void {
  const command = program
    .command("load")
    .description("load a model at a steady rate and show the latencies that callers have")
    .argument("<model>", "name of the service")
    .option("--rate <n>", "requests a second, whether or not earlier ones are answered", "50")
    .option("--for <time>", "how long to measure, such as 30s or 5m", "10s")
    .option("--warm-up <time>", "before that, at the same rate and not measured", "2s")
    .option("--arrivals <how>", "poisson: as independent callers would; even: all gaps are equal", "poisson")
    .option("--connections <n>", `at most so many, 1 to ${MOST_CONNECTIONS}`, "64")
    .option("--timeout <time>", "after which a request counts as unanswered", "10s")
    .option("--protocol <protocol>", `${HTTP_PROTOCOLS.join(", ")} (default: the first that it speaks)`)
    .option("--body <file>", "JSON to send instead of the model's example; - is standard input")
    .action(context.action((model: string, options: LoadOptions) => load(context, model, options)));
  withTenantOptions(command);
  withHelp(
    command,
    [
      "slipway load digits --rate 200 --for 30s",
      "slipway load digits --rate 2000 --for 1m --arrivals even --json",
    ],
    `${exitCodesHelp("unreachable", "notFound")}\nCtrl-C ends it early and shows what was measured. Exit code 1: a request wasn't answered well.`,
  );
}

async function load(context: CliContext, model: string, options: LoadOptions): Promise<number> {
  const settings = settingsOf(options);
  const protocol = oneOf("--protocol", options.protocol, HTTP_PROTOCOLS);
  const body = options.body === undefined ? undefined : await bodyOf(context, options.body);
  const callee = await fetchCallee(context, model, options);
  if (callee.needsToken && callee.authorization === undefined)
    throw new SlipwayError("TOKEN_REQUIRED", "callers of this platform need a token");
  const spoken = protocol ?? HTTP_PROTOCOLS.find((one) => callee.protocols.includes(one)) ?? "v2";
  const request = rawRequest(callee, httpRequest(spoken, model, callee.inputs), body);
  if (options.json !== true)
    context.terminal.writeError(
      `${settings.rate} requests a second to ${model} for ${durationWords(settings.seconds * 1_000)}; Ctrl-C shows what is measured until then\n`,
    );
  const result = await run(context, callee, { ...settings, request });
  const report = loadReport(result, settings.rate);
  if (options.json === true) printJson(context, { model, protocol: spoken, ...report });
  else context.terminal.write(formatLoad(report, settings.connections));
  return report.requests.due > 0 && report.requests.good === report.requests.due ? EXIT.ok : EXIT.failed;
}

type Settings = ReturnType<typeof settingsOf>;

async function run(
  context: CliContext,
  { url }: FoundCallee,
  settings: Settings & { request: Buffer },
): Promise<OpenLoopResult> {
  const { protocol, hostname, port } = new URL(url);
  const isTls = protocol === "https:";
  const stop = new AbortController();
  const forget = context.terminal.onInterrupt?.(() => stop.abort());
  try {
    return await openLoop({
      ...settings,
      target: {
        host: hostname.replaceAll(/^\[|\]$/g, ""),
        port: port === "" ? (isTls ? 443 : 80) : Number(port),
        isTls,
      },
      maxWaiting: MOST_WAITING,
      random: Math.random,
      signal: stop.signal,
    });
  } finally {
    forget?.();
  }
}

function settingsOf(options: LoadOptions) {
  return {
    rate: numberOf("--rate", options.rate, MOST_RATE, false),
    seconds: secondsOf("--for", options.for),
    warmUpSeconds: options.warmUp === "0" ? 0 : secondsOf("--warm-up", options.warmUp),
    arrivals: oneOf("--arrivals", options.arrivals, ARRIVALS) ?? "poisson",
    connections: numberOf("--connections", options.connections, MOST_CONNECTIONS, true),
    timeoutMs: secondsOf("--timeout", options.timeout) * 1_000,
  };
}

function numberOf(option: string, given: string, most: number, isWhole: boolean): number {
  const value = Number(given);
  const isFine = value > 0 && value <= most && given.trim() !== "" && (!isWhole || Number.isInteger(value));
  if (isFine) return value;
  const allowed = isWhole ? `1 to ${most}` : `above 0, at most ${most}`;
  throw new SlipwayError("USAGE", `${option} can't be that`, { where: option, given, allowed });
}

function secondsOf(option: string, given: string): number {
  const ms = parseDuration(given);
  if (ms !== undefined && ms > 0 && ms <= 24 * 3_600_000) return ms / 1_000;
  throw new SlipwayError("USAGE", `${option} isn't a length of time`, {
    where: option,
    given,
    allowed: "such as 500ms, 30s, 5m; at most 24h",
  });
}

/** One whole request as bytes; the same is sent every time. */
function rawRequest(
  { url, authorization }: FoundCallee,
  example: { path: string; body: Record<string, unknown> },
  given: Buffer | undefined,
): Buffer {
  const body = given ?? Buffer.from(JSON.stringify(example.body));
  const head = [
    `POST ${example.path} HTTP/1.1`,
    `host: ${new URL(url).host}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
    "user-agent: slipway-load",
    ...(authorization === undefined ? [] : [`authorization: ${authorization}`]),
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body.toString("latin1")}`, "latin1");
}

async function bodyOf({ terminal }: CliContext, file: string): Promise<Buffer> {
  try {
    if (file !== "-") return await readFile(resolve(terminal.cwd, file));
  } catch (error) {
    throw new SlipwayError("USAGE", "the body's file can't be read", {
      where: "--body",
      given: file,
      cause: error,
    });
  }
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of terminal.stdin) text += decoder.decode(chunk, { stream: true });
  return Buffer.from(text + decoder.decode());
}
