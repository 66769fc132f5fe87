import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import { DEFAULT_TENANT } from "../../http/identity.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { oneOf } from "../one-of.ts";
import { fetchCallee } from "../snippets/fetch-callee.ts";
import type { FoundCallee } from "../snippets/fetch-callee.ts";
import { PROTOCOLS, httpRequest } from "../snippets/request.ts";
import type { Protocol } from "../snippets/request.ts";
import { LANGUAGES, snippet } from "../snippets/snippet.ts";
import type { Language } from "../snippets/snippet.ts";
import { tame } from "../terminal.ts";

interface CallOptions extends TenantOptions {
  lang?: string;
  protocol?: string;
  send?: boolean;
}

const TITLES: Record<Language, string> = {
  curl: "curl",
  python: "Python",
  typescript: "TypeScript (Node, Deno, Bun)",
};
const SEND_WITHIN_MS = 60_000;

/** `slipway call MODEL`: how to call it, ready to run. */
export function addCall(program: Command, context: CliContext): void {
  const command = program
    .command("call")
    .description("print how to call a model, made from its signature and its example")
    .argument("<model>", "name of the service")
    .option("--lang <language>", `only this one, and nothing but its code: ${LANGUAGES.join(", ")}`)
    .option("--protocol <protocol>", `${PROTOCOLS.join(", ")} (default: the first that the service speaks)`)
    .option("--send", "send the example and show the answer")
    .action(context.action((model: string, options: CallOptions) => call(context, model, options)));
  withTenantOptions(command);
  withHelp(
    command,
    [
      "slipway call digits",
      "slipway call digits --send",
      "slipway call digits --lang curl | sh",
      "slipway call digits --lang python --protocol grpc > predict.py",
    ],
    exitCodesHelp("unreachable", "notFound"),
  );
}

async function call(context: CliContext, model: string, options: CallOptions): Promise<number> {
  const language = oneOf("--lang", options.lang, LANGUAGES);
  const asked = oneOf("--protocol", options.protocol, PROTOCOLS);
  const callee = await fetchCallee(context, model, options);
  const protocol = protocolOf(callee, asked);
  if (options.send === true) return send(context, callee, protocol, options);
  const languages = language === undefined ? LANGUAGES : [language];
  const snippets = languages.flatMap((lang) => {
    const code = snippet(lang, protocol, callee);
    return code === undefined ? [] : [{ lang, protocol, code }];
  });
  if (snippets.length === 0)
    throw new SlipwayError("USAGE", `gRPC has no ready client in ${language}`, {
      where: "--lang",
      given: language ?? "",
      allowed: "python with --protocol grpc; every language with v2, v1 or invocations",
    });
  const { version, needsToken, url } = callee;
  if (options.json === true) printJson(context, { model, version, url, needsToken, snippets });
  else if (language !== undefined) context.terminal.write(snippets[0]?.code ?? "");
  else
    context.terminal.write(
      page(context, callee, protocol, snippets, context.tenantOf(options) ?? DEFAULT_TENANT),
    );
  return EXIT.ok;
}

function protocolOf({ protocols, model }: FoundCallee, asked: Protocol | undefined): Protocol {
  const protocol = asked ?? protocols[0] ?? "v2";
  if (protocols.length === 0 || protocols.includes(protocol)) return protocol;
  throw new SlipwayError("USAGE", `${model} doesn't speak ${protocol}`, {
    where: "--protocol",
    given: protocol,
    allowed: protocols.join(", "),
  });
}

function page(
  { colors }: CliContext,
  { model, version, needsToken, protocols }: FoundCallee,
  protocol: Protocol,
  snippets: readonly { lang: Language; code: string }[],
  tenant: string,
): string {
  const others = protocols.filter((one) => one !== protocol);
  const token = needsToken
    ? `Callers need a token. For yourself: slipway token create my-laptop --scope predict; for a program:
slipway token create my-app --tenant ${tenant} --role viewer --scope predict. Then: export SLIPWAY_TOKEN=…\n\n`
    : "";
  const also = others.length === 0 ? "" : `Also with --protocol ${others.join(", ")}. `;
  return `${colors.bold(`${tame(model)}, version ${version}, by ${protocol}`)}\n\n${token}${snippets
    .map(({ lang, code }) => `${colors.bold(`# ${TITLES[lang]}`)}\n${tame(code)}`)
    .join("\n")}\n${also}--send sends the example; --lang prints one of these alone.\n`;
}

async function send(
  context: CliContext,
  { url, model, inputs, authorization, needsToken }: FoundCallee,
  protocol: Protocol,
  { json }: CallOptions,
): Promise<number> {
  if (protocol === "grpc")
    throw new SlipwayError("USAGE", "--send goes over HTTP", {
      where: "--protocol",
      given: "grpc",
      allowed: "v2, v1, invocations",
    });
  if (needsToken && authorization === undefined)
    throw new SlipwayError("TOKEN_REQUIRED", "callers of this platform need a token");
  const { path, body } = httpRequest(protocol, model, inputs);
  const began = performance.now();
  const response = await fetch(url + path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(authorization === undefined ? {} : { authorization }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(SEND_WITHIN_MS),
  });
  const text = await response.text();
  const answer = {
    status: response.status,
    variant: response.headers.get("x-slipway-variant"),
    requestId: response.headers.get("x-slipway-request-id"),
    milliseconds: Math.round((performance.now() - began) * 10) / 10,
    answer: parsed(text),
  };
  if (json === true) printJson(context, { request: { path, body }, ...answer });
  else
    context.terminal.write(
      `POST ${path}\n${JSON.stringify(body)}\n\n${answer.status} in ${answer.milliseconds} ms, version ${answer.variant ?? "-"}, request ${answer.requestId ?? "-"}\n${tame(text)}\n`,
    );
  return response.ok ? EXIT.ok : EXIT.failed;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
