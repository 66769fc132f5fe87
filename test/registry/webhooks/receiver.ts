import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Answers one request. */
export type Reply = (
  attempt: number,
) => { status: number; headers?: Record<string, string>; body?: string } | "hang";

/** Somebody who is told by webhooks, on loopback. */
export interface Receiver {
  url: string;
  port: number;
  received: Received[];
  /** How requests to a path are answered; 200 unless said otherwise. */
  reply(path: string, how: Reply): void;
  /** Those of a path, when there are as many; bounded by the test's own time. */
  until(path: string, count: number): Promise<Received[]>;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const replies = new Map<string, Reply>();
  const watchers = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      received.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString() });
      const attempt = received.filter((one) => one.path === path).length;
      const reply = replies.get(path)?.(attempt) ?? { status: 200, body: "taken" };
      if (reply !== "hang") response.writeHead(reply.status, reply.headers).end(reply.body ?? "");
      for (const watcher of watchers) watcher();
    });
  });
  await new Promise<void>((go) => server.listen(0, "127.0.0.1", go));
  const { port } = server.address() as AddressInfo;
  const of = (path: string): Received[] => received.filter((one) => one.path === path);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    reply: (path, how) => void replies.set(path, how),
    until: (path, count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (of(path).length < count) return;
          watchers.delete(look);
          resolve(of(path));
        };
        watchers.add(look);
        look();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
