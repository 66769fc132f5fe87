import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server's address of a test's own: requests go through, wait, or are answered here. */
export interface Gate {
  url: string;
  /** Requests that match wait from now on; resolves when the first of them has come. */
  hold(pattern: RegExp): Promise<void>;
  /** Lets everything through, also what waits. */
  open(): void;
  /** Answers what matches; undefined lets it through. */
  answer: ((request: IncomingMessage) => { status: number; body: string } | undefined) | undefined;
  close(): Promise<void>;
}

export async function startGate(target: string): Promise<Gate> {
  const to = new URL(target);
  let pattern: RegExp | undefined;
  let reached: () => void = () => undefined;
  let waiting: (() => void)[] = [];
  const pass = (request: IncomingMessage, response: ServerResponse): void => {
    const { method, url, headers } = request;
    const out = forward({ host: to.hostname, port: to.port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    out.on("error", () => response.destroy());
    request.pipe(out);
  };
  const server = createServer((request, response) => {
    const own = gate.answer?.(request);
    if (own) return void response.writeHead(own.status).end(own.body);
    if (!pattern?.test(decodeURIComponent(request.url ?? ""))) return pass(request, response);
    reached();
    waiting.push(() => pass(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const gate: Gate = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: undefined,
    hold: (held) =>
      new Promise((resolve) => {
        pattern = held;
        reached = resolve;
      }),
    open() {
      pattern = undefined;
      for (const go of waiting.splice(0)) go();
    },
    close: () =>
      new Promise((resolve) => {
        waiting = [];
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return gate;
}
