// A gateway that does what HTTPRoutes say, in the one way that routes of services use: by path and header, by weights.
import { createServer, request } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { endpointsOf } from "../../../../src/targets/kubernetes/serving/pods.ts";
import type { StandInCluster } from "./stand-in-cluster.ts";

interface Match {
  path: { type: "PathPrefix" | "Exact"; value: string };
  headers?: { name: string; value: string }[];
}

interface Backend {
  name: string;
  weight: number;
}

interface Rule {
  matches: Match[];
  backendRefs: Backend[];
}

export interface StandInGateway {
  url: URL;
  close(): Promise<void>;
}

/** @param cluster whose routes it follows, once it is there */
export async function startGateway(cluster: () => StandInCluster): Promise<StandInGateway> {
  const due = new Map<string, number>();
  const next = (): ((rule: Rule) => Backend | undefined) => (rule) => pick(rule, due);
  const server = createServer((req, res) => pass(req, res, cluster(), next()));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    url,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function pass(
  req: IncomingMessage,
  res: ServerResponse,
  cluster: StandInCluster,
  choose: (rule: Rule) => Backend | undefined,
): void {
  const rules = cluster.routes.flatMap((route) => (route["spec"] as { rules: Rule[] }).rules);
  const rule = rules.find(({ matches }) => matches.some((match) => fits(match, req)));
  const backend = rule && choose(rule);
  if (backend === undefined) return void res.writeHead(rule === undefined ? 404 : 503).end();
  const [endpoint] = endpointsOf(cluster.find({ "slipway.dev/variant": backend.name }), "door");
  if (endpoint === undefined) return void res.writeHead(503).end("no pod");
  const [host = "", port] = endpoint.split(":");
  const { method, headers, url: path } = req;
  const passed = request({ host, port: Number(port), method, headers, path }, (answer) => {
    res.writeHead(answer.statusCode ?? 0, answer.headers);
    answer.pipe(res);
  });
  passed.on("error", () => (res.headersSent ? res.destroy() : res.writeHead(502).end()));
  res.on("close", () => passed.destroy());
  req.pipe(passed);
}

function fits({ path, headers = [] }: Match, req: IncomingMessage): boolean {
  const [own = ""] = (req.url ?? "").split("?");
  const isPath = own === path.value || (path.type === "PathPrefix" && own.startsWith(`${path.value}/`));
  return isPath && headers.every(({ name, value }) => req.headers[name] === value);
}

/** Smooth weighted round robin: whoever is most behind its weight. */
function pick({ backendRefs }: Rule, due: Map<string, number>): Backend | undefined {
  const all = backendRefs.reduce((sum, { weight }) => sum + weight, 0);
  if (all === 0) return undefined;
  for (const { name, weight } of backendRefs) due.set(name, (due.get(name) ?? 0) + weight);
  const [first] = backendRefs
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => (due.get(b.name) ?? 0) - (due.get(a.name) ?? 0));
  if (first !== undefined) due.set(first.name, (due.get(first.name) ?? 0) - all);
  return first;
}
