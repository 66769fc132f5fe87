import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { acceptProxied, addressOf, proxyLine } from "../../src/http/peer.ts";

let folder: string;
let server: Server;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-peer-"));
  server = createServer((raw, res) => {
    let length = 0;
    raw.on("data", (chunk: Buffer) => (length += chunk.length));
    raw.on("end", () => res.end(`${addressOf({ raw })} ${length}\n`));
  });
  acceptProxied(server);
  await new Promise<void>((resolve) => server.listen(join(folder, "s"), resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

/** Sends pieces, each after the one before has left, and answers the bodies of the answers. */
async function answers(pieces: string[], count = 1): Promise<string[]> {
  const socket = connect(join(folder, "s"));
  let text = "";
  const enough = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      text += String(chunk);
      if (text.split("HTTP/1.1 ").length - 1 >= count && text.endsWith("\n")) resolve();
    });
    socket.on("close", () => resolve());
  });
  for (const piece of pieces) {
    await new Promise<void>((resolve) => socket.write(piece, () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await enough;
  socket.destroy();
  return text
    .split("HTTP/1.1 ")
    .slice(1)
    .map((one) => `${one.slice(0, 3)} ${one.split("\r\n\r\n")[1]}`.trim());
}

const LINE = "PROXY TCP4 192.0.2.7 10.0.0.1 5000 4600\r\n";
const GET = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const POST = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello";

it.each([
  ["whole", [LINE + GET]],
  ["byte by byte", [...(LINE + GET)]],
  ["line first", [LINE, GET]],
])("knows who is behind a connection that is handed on: %s", async (_, pieces) => {
  expect(await answers(pieces)).toEqual(["200 192.0.2.7 0"]);
});

it("knows it for every request of the connection, whatever the requests say", async () => {
  const lying = GET.replace("host", "x-slipway-peer: 203.0.113.9\r\nhost");
  expect(await answers([LINE + POST + lying, POST], 3)).toEqual([
    "200 192.0.2.7 5",
    "200 192.0.2.7 0",
    "200 192.0.2.7 5",
  ]);
});

it("takes the header of a request that the public process hands on by itself", async () => {
  expect(await answers([GET.replace("host", "x-slipway-peer: ::ffff:192.0.2.8\r\nhost")])).toEqual([
    "200 192.0.2.8 0",
  ]);
  expect(await answers([GET])).toEqual(["200 null 0"]);
});

it("takes one line alone", async () => {
  expect(await answers([LINE + LINE + GET])).toEqual([expect.stringMatching(/^400/)]);
  expect(await answers(["PROXY UNKNOWN\r\n" + GET])).toEqual(["200 null 0"]);
  expect(await answers([`PROXY ${"x".repeat(200)}`])).toEqual([expect.stringMatching(/^400/)]);
});

it("says it as the PROXY protocol has it", () => {
  const socket = {
    remoteAddress: "::ffff:192.0.2.7",
    localAddress: "::ffff:10.0.0.1",
    remotePort: 5,
    localPort: 6,
  };
  expect(proxyLine(socket as never)).toBe("PROXY TCP4 192.0.2.7 10.0.0.1 5 6\r\n");
  expect(proxyLine({ ...socket, remoteAddress: undefined } as never)).toBe("PROXY UNKNOWN\r\n");
});
