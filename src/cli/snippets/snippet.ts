import type { ExampleTensor } from "./example.ts";
import { grpcPython, httpPython } from "./python.ts";
import { httpRequest } from "./request.ts";
import type { Protocol } from "./request.ts";
import { shellQuoted } from "./shell.ts";

export const LANGUAGES = ["curl", "python", "typescript"] as const;
export type Language = (typeof LANGUAGES)[number];

/** What a snippet is made from. */
export interface Callee {
  /** Without a slash at the end. */
  url: string;
  /** Host and port. */
  grpcUrl: string;
  model: string;
  inputs: readonly ExampleTensor[];
  /** Callers must send a token, which the snippet takes from SLIPWAY_TOKEN. */
  needsToken: boolean;
}

/** Whole, ready to run; undefined where a language has no client for it that comes without a build. */
export function snippet(language: Language, protocol: Protocol, callee: Callee): string | undefined {
  if (protocol === "grpc") return language === "python" ? grpcPython(callee) : undefined;
  const { url, model, inputs, needsToken } = callee;
  const { path, body } = httpRequest(protocol, model, inputs);
  const call = { url: url + path, body, protocol, needsToken };
  switch (language) {
    case "curl":
      return curl(call);
    case "python":
      return httpPython(call);
    case "typescript":
      return typescript(call);
  }
}

/** One POST with JSON. */
export interface HttpCall {
  url: string;
  body: Record<string, unknown>;
  protocol: Exclude<Protocol, "grpc">;
  needsToken: boolean;
}

function curl({ url, body, needsToken }: HttpCall): string {
  const lines = [
    `curl -sS --fail-with-body ${shellQuoted(url)}`,
    "  -H 'content-type: application/json'",
    ...(needsToken ? ['  -H "authorization: Bearer $SLIPWAY_TOKEN"'] : []),
    `  -d ${shellQuoted(JSON.stringify(body))}`,
  ];
  return `${lines.join(" \\\n")}\n`;
}

const ANSWERS = {
  v2: {
    type: "{ outputs: { name: string; shape: number[]; datatype: string; data: unknown[] }[] }",
    print: "for (const { name, data } of answer.outputs) console.log(name, data);",
  },
  v1: { type: "{ predictions: unknown[] }", print: "console.log(JSON.stringify(answer.predictions));" },
  invocations: {
    type: "{ predictions: unknown }",
    print: "console.log(JSON.stringify(answer.predictions));",
  },
} as const;

function typescript({ url, body, protocol, needsToken }: HttpCall): string {
  const { type, print } = ANSWERS[protocol];
  const headers = [
    '"content-type": "application/json"',
    ...(needsToken ? ["authorization: `Bearer ${env.SLIPWAY_TOKEN}`"] : []),
  ];
  const imports = needsToken ? 'import { env } from "node:process";\n\n' : "";
  return `${imports}const response = await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: { ${headers.join(", ")} },
  body: JSON.stringify(${JSON.stringify(body)}),
});
if (!response.ok) throw new Error(\`\${response.status} \${await response.text()}\`);
const answer = (await response.json()) as ${type};
${print}
`;
}
