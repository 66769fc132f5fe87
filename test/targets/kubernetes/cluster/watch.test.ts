import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ClusterClient } from "../../../../src/targets/kubernetes/cluster/client.ts";
import { Credentials } from "../../../../src/targets/kubernetes/cluster/credentials.ts";
import type { ClusterAccess } from "../../../../src/targets/kubernetes/cluster/kubeconfig.ts";
import { connectStreams } from "../../../../src/targets/kubernetes/cluster/stream.ts";
import { connect } from "../../../../src/targets/kubernetes/cluster/transport.ts";
import { watchObjects } from "../../../../src/targets/kubernetes/cluster/watch.ts";
import type { WatchEvent } from "../../../../src/targets/kubernetes/cluster/watch.ts";

type Answer = (request: URL, response: ServerResponse) => void;
/** What each list and each watch is answered with, in order. */
let lists: Answer[] = [];
let watches: Answer[] = [];
let asked: URL[] = [];

const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  const url = new URL(request.url ?? "/", "http://api");
  if (url.pathname === "/api/v1")
    return response.end(
      JSON.stringify({ resources: [{ name: "pods", kind: "Pod", namespaced: true, verbs: ["watch"] }] }),
    );
  asked.push(url);
  const answer = url.searchParams.has("watch") ? watches.shift() : lists.shift();
  if (answer === undefined) return void response.writeHead(200);
  answer(url, response);
  return undefined;
});
let access: ClusterAccess;
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  access = {
    context: "test",
    server: new URL(`http://127.0.0.1:${port}`),
    tls: { isInsecure: false },
    user: { token: "t" },
  };
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  lists = [];
  watches = [];
  asked = [];
});

const waits: number[] = [];
const clock = { now: () => 0, sleep: async (ms: number) => void waits.push(ms) };
const pod = (name: string, resourceVersion: string) => ({ metadata: { name, resourceVersion } });
const list =
  (resourceVersion: string, ...names: string[]): Answer =>
  (_, response) =>
    response.end(
      JSON.stringify({ metadata: { resourceVersion }, items: names.map((name) => pod(name, "1")) }),
    );
const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;
const tells =
  (...lines: string[]): Answer =>
  (_, response) =>
    response.end(lines.join(""));

/** The first events, as `added a`. */
async function first(count: number): Promise<string[]> {
  const credentials = new Credentials(access, { clock, env: {} });
  const deps = {
    client: new ClusterClient(connect(access, { credentials, clock, tries: 1 })),
    open: connectStreams(access, { credentials }),
    clock,
  };
  const found: string[] = [];
  const stop = new AbortController();
  for await (const event of watchObjects(
    deps,
    { apiVersion: "v1", kind: "Pod", namespace: "a" },
    stop.signal,
  )) {
    found.push(said(event));
    if (found.length === count) stop.abort();
  }
  return found;
}

function said(event: WatchEvent): string {
  if (event.type !== "listed") return `${event.type} ${event.object.metadata.name}`;
  return `listed ${event.objects.map(({ metadata }) => metadata.name).join(",")}`;
}

const versions = () => asked.map((url) => url.searchParams.get("resourceVersion"));

test("goes on from the last version that it saw, bookmarks included", async () => {
  lists = [list("5", "x")];
  watches = [
    tells(line("ADDED", pod("y", "6")), line("BOOKMARK", pod("", "9"))),
    tells(line("MODIFIED", pod("y", "10")), line("DELETED", pod("y", "11"))),
  ];
  expect(await first(4)).toEqual(["listed x", "added y", "modified y", "deleted y"]);
  expect(versions().slice(0, 3)).toEqual([null, "5", "9"]);
});

test("lists again when the server has forgotten the version, said by status or within the watch", async () => {
  lists = [list("5", "x"), list("20"), list("30", "z")];
  watches = [
    (_, response) =>
      response.writeHead(410).end(JSON.stringify({ code: 410, reason: "Expired", message: "too old" })),
    tells(line("ERROR", { code: 410, reason: "Expired", message: "too old resource version" })),
    tells(line("ADDED", pod("a", "31"))),
  ];
  expect(await first(4)).toEqual(["listed x", "listed ", "listed z", "added a"]);
});

test("goes on after connections that break, in the middle of a line too, and after a server that is away", async () => {
  lists = [
    (_, response) => void response.destroy(),
    (_, response) => void response.writeHead(503).end("{}"),
    list("5"),
  ];
  const whole = line("ADDED", pod("ü", "6"));
  watches = [
    (_, response) => {
      response.write(whole.slice(0, 40), () => response.destroy());
    },
    (_, response) => {
      // A letter of two bytes comes in two pieces.
      const bytes = new TextEncoder().encode(whole);
      const middle = whole.indexOf("ü") + 1;
      response.write(bytes.subarray(0, middle), () => response.end(bytes.subarray(middle)));
    },
  ];
  expect(await first(2)).toEqual(["listed ", "added ü"]);
});

test("doesn't ask in a circle while every watch ends at once", async () => {
  lists = [list("5")];
  watches = [...Array.from({ length: 6 }, () => tells()), tells(line("ADDED", pod("a", "6")))];
  waits.length = 0;
  await first(2);
  expect(waits.slice(0, 6)).toEqual([200, 400, 800, 1600, 3200, 5000]);
});

test("says what doesn't pass", async () => {
  lists = [
    (_, response) => void response.writeHead(403).end(JSON.stringify({ code: 403, message: "may not" })),
  ];
  await expect(first(1)).rejects.toMatchObject({ code: "CLUSTER_FORBIDDEN" });
});

test("ends at once when it is told to, while nothing comes", async () => {
  lists = [list("5")];
  watches = [(_, response) => void response.writeHead(200).flushHeaders()];
  expect(await first(1)).toEqual(["listed "]);
});
