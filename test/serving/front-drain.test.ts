import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFront, type Front } from "../../src/serving/front/front.ts";

const ANSWER = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const ASK = "POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n";
const LONG_MS = 10_000;
const SHORT_MS = 300;

let folder: string;
let front: Front;
let release: (() => void)[];
/** Answers when it is told to; what is asked of `/quick` at once. */
const control = createServer((socket) => {
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    if (chunk.includes("/quick")) socket.write(ANSWER);
    else if (chunk.includes("POST")) release.push(() => socket.write(ANSWER));
  });
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-front-"));
  release = [];
  const path = join(folder, "control.sock");
  control.listen(path);
  await once(control, "listening");
  const rest = { maxConnections: 16, maxPiped: 8, firstLineMs: 5_000, idleMs: 60_000 };
  front = createFront({ http: createHttpServer(), control: { path }, ...rest });
  front.server.listen(0, "127.0.0.1");
  await once(front.server, "listening");
});

afterEach(async () => {
  front.close();
  await new Promise((resolve) => control.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

async function caller(
  text: string,
): Promise<{ socket: Socket; heard: () => string; ended: Promise<unknown> }> {
  const socket = connect((front.server.address() as AddressInfo).port, "127.0.0.1");
  socket.on("error", () => undefined);
  let heard = "";
  socket.setEncoding("latin1").on("data", (more: string) => (heard += more));
  const ended = once(socket, "close");
  socket.write(text);
  return { socket, heard: () => heard, ended };
}

async function until(what: () => boolean): Promise<void> {
  const end = Date.now() + LONG_MS;
  while (!what()) {
    if (Date.now() > end) throw new Error("not in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("lets control answer what is under way, and ends the connection behind the answer", async () => {
  const idle = await caller(ASK.replace("/api", "/quick"));
  const busy = await caller(ASK);
  await until(() => idle.heard() === ANSWER && release.length === 1);
  const drained = front.drainPiped(LONG_MS);
  await idle.ended;
  expect(busy.heard()).toBe("");
  release[0]?.();
  await drained;
  await busy.ended;
  expect(busy.heard()).toBe(ANSWER);
});

test("doesn't wait longer than it is told to for what isn't answered", async () => {
  const busy = await caller(ASK);
  await until(() => release.length === 1);
  const from = performance.now();
  await front.drainPiped(SHORT_MS);
  expect(performance.now() - from).toBeLessThan(LONG_MS);
  expect(busy.socket.destroyed).toBe(false);
  front.close();
  await busy.ended;
});
