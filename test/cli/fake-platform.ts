import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Call {
  method: string;
  path: string;
  token: string | undefined;
  body: unknown;
}

export interface FakePlatform {
  url: string;
  calls: Call[];
  close(): Promise<void>;
}

export type Answer = (call: Call, response: ServerResponse) => void;

/** Answers JSON with a status. */
export function json(status: number, body: unknown): Answer {
  return (_, response) => {
    response
      .writeHead(status, { "content-type": "application/json; charset=utf-8" })
      .end(JSON.stringify(body));
  };
}

/** A server that speaks the platform's API as far as `routes` (`METHOD /path`) say; keeps what it was asked. */
export async function fakePlatform(routes: Readonly<Record<string, Answer>>): Promise<FakePlatform> {
  const calls: Call[] = [];
  const server = createServer(async (request, response) => {
    const call = await readCall(request);
    calls.push(call);
    const path = call.path.split("?")[0];
    const answer = routes[`${call.method} ${path}`];
    const missing = json(404, {
      error: { code: "NOT_FOUND", message: `there is no ${path}`, hint: "Look again." },
    });
    (answer ?? missing)(call, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const chunks: string[] = [];
  for await (const chunk of request) chunks.push(String(chunk));
  const text = chunks.join("");
  return {
    method: request.method ?? "",
    path: (request.url ?? "").replace("/api/slipway/v1", ""),
    token: request.headers.authorization,
    body: text === "" ? undefined : JSON.parse(text),
  };
}
