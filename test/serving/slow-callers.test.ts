import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { Server as HttpServer } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createFront } from "../../src/serving/front/front.ts";
import { createGrpcServer } from "../../src/serving/grpc/server.ts";
import type { GrpcServer } from "../../src/serving/grpc/server.ts";
import { eventually } from "../support/serving-platform.ts";

const MANY = 50;

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function listening(server: Server): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

describe("over HTTP, callers who send a byte now and then", () => {
  let http: HttpServer;
  let front: ReturnType<typeof createFront>;
  const timers: NodeJS.Timeout[] = [];

  beforeAll(async () => {
    // As the router's server, with shorter times.
    http = createHttpServer({ requestTimeout: 300, connectionsCheckingInterval: 20 }, (req, res) => {
      req.resume();
      req.on("end", () => res.end("{}"));
      req.on("error", () => undefined);
    });
    http.headersTimeout = 150;
    await listening(http);
    front = createFront({
      http,
      control: { path: "/nonexistent/control.sock" },
      maxConnections: 4 * MANY,
      maxPiped: 8,
      firstLineMs: 100,
      idleMs: 1_000,
    });
    await listening(front.server);
  });
  afterEach(() => {
    for (const timer of timers.splice(0)) clearInterval(timer);
  });
  afterAll(() => {
    front.close();
    http.closeAllConnections();
    http.close();
  });

  /** Sends the beginning, then one byte of the rest every few milliseconds; resolves when the server has had enough. */
  function trickle(beginning: string, rest: string): Promise<void> {
    const socket = connect(portOf(front.server), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    socket.write(beginning);
    let at = 0;
    timers.push(
      setInterval(() => {
        if (!socket.destroyed && socket.writable) socket.write(rest[at++ % rest.length] ?? "");
      }, 10),
    );
    return new Promise((resolve) => socket.once("close", () => resolve()));
  }

  const HEAD = "POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\n";
  it.each([
    ["of the first line", "", "P"],
    ["of the headers", HEAD, "x"],
    ["of the body", `${HEAD}content-length: 1000000\r\n\r\n{`, " "],
    ["of a chunked body", `${HEAD}transfer-encoding: chunked\r\n\r\n`, "1\r\n{\r\n"],
  ])("%s are ended, and keep nobody else waiting", async (_what, beginning, rest) => {
    const slow = Promise.all(Array.from({ length: MANY }, () => trickle(beginning, rest)));
    const answer = await fetch(`http://127.0.0.1:${portOf(front.server)}/v2/models/m/infer`, {
      method: "POST",
      body: "{}",
    });
    expect(answer.status).toBe(200);
    await slow;
  });
});

describe("over gRPC, callers who send a byte now and then", () => {
  let grpc: GrpcServer;
  const PATH = "/s/Method";

  beforeAll(async () => {
    grpc = createGrpcServer({
      methods: new Map([
        [PATH, (call, request) => call.succeed(Buffer.concat([Buffer.alloc(5), request] as never))],
      ]),
      refuse: () => false,
      maxMessageBytes: () => 1_000_000,
      maxConnections: 2 * MANY,
      maxStreams: 100,
      maxReadingBytes: 10_000_000,
      readWithinMs: 200,
      idleMs: 10_000,
    });
    await listening(grpc.server as unknown as Server);
  });
  afterAll(() => grpc.drain(1_000));

  it("lose their calls, and keep nobody else waiting", async () => {
    const session = connectHttp2(`http://127.0.0.1:${portOf(grpc.server as unknown as Server)}`);
    session.on("error", () => undefined);
    const headers = { ":method": "POST", ":path": PATH, "content-type": "application/grpc", te: "trailers" };
    const timers: NodeJS.Timeout[] = [];
    const slow = Array.from({ length: MANY }, () => {
      const stream = session.request(headers);
      stream.on("error", () => undefined);
      stream.write(Buffer.from([0, 0, 0, 0xff, 0xff]));
      timers.push(setInterval(() => !stream.destroyed && stream.writable && stream.write("x"), 20));
      return once(stream, "close").then(() => stream.rstCode);
    });
    const good = session.request(headers);
    good.end(Buffer.from([0, 0, 0, 0, 0]));
    good.resume();
    let status: unknown;
    good.on("trailers", (trailers) => (status = trailers["grpc-status"]));
    await once(good, "close");
    expect(status).toBe("0");
    // 8: CANCEL.
    expect(new Set(await Promise.all(slow))).toEqual(new Set([8]));
    for (const timer of timers) clearInterval(timer);
    session.destroy();
  });

  it("who say nothing at all hold no more than a connection each, up to a bound", async () => {
    let closed = 0;
    const sockets = Array.from({ length: 3 * MANY }, () => {
      const socket: Socket = connect(portOf(grpc.server as unknown as Server), "127.0.0.1");
      socket.on("error", () => undefined);
      socket.on("close", () => (closed += 1));
      return socket.resume();
    });
    await eventually("those beyond the bound to be closed", () => closed >= MANY);
    expect(closed).toBeLessThan(2 * MANY);
    for (const socket of sockets) socket.destroy();
  });
});
