import { createServer as createHttps, type Server as HttpsServer } from "node:https";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { serverCertificate } from "../../../tools/cluster/certificates.mjs";
import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import type { TestCluster } from "./cluster.ts";

const CONFIGURATIONS = ["validating", "mutating"].map(
  (kind) => `/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations`,
);

interface Configuration extends KubernetesObject {
  webhooks?: { clientConfig: { service?: { name: string; namespace: string }; caBundle?: string } }[];
}

interface Review {
  apiVersion: string;
  kind: "AdmissionReview" | "ConversionReview";
  request: { uid: string; desiredAPIVersion?: string; objects?: KubernetesObject[] };
}

/**
 * Answers every webhook in the cluster with yes, and puts its authority into their configurations as cert-manager does:
 * no engine runs in these tests, and without an answer the server would refuse what they look at.
 */
export class StandInWebhooks {
  readonly #cluster: TestCluster;
  readonly #state: string;
  readonly #known = new Set<string>();
  #proxy: Server | undefined;
  #tls: HttpsServer | undefined;

  /** `state`: the folder of the test control plane. */
  constructor(cluster: TestCluster, state: string) {
    this.#cluster = cluster;
    this.#state = state;
  }

  async start(): Promise<void> {
    this.#tls = createHttps({}, (request, response) => void answer(request, response));
    this.#proxy = createServer();
    this.#proxy.on("connect", (_request, socket) => {
      socket.on("error", () => socket.destroy());
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      this.#tls?.emit("connection", socket);
    });
    await new Promise<void>((resolve, reject) => {
      this.#proxy!.on("error", reject).listen(join(this.#state, "cluster.sock"), resolve);
    });
  }

  async stop(): Promise<void> {
    this.#tls?.closeAllConnections();
    const proxy = this.#proxy;
    if (proxy === undefined) return;
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  }

  /** Looks for webhooks that nobody answers yet. */
  async look(): Promise<void> {
    for (const path of CONFIGURATIONS) {
      const list = await this.#cluster.get<{ items: Configuration[] }>(path);
      for (const item of list?.items ?? []) await this.#trust(`${path}/${item.metadata.name}`, item);
    }
  }

  async #trust(path: string, { webhooks = [] }: Configuration): Promise<void> {
    const open = webhooks.flatMap(({ clientConfig: { service, caBundle } }, index) =>
      service === undefined || caBundle ? [] : [{ index, host: `${service.name}.${service.namespace}.svc` }],
    );
    if (open.length === 0) return;
    for (const { host } of open) this.#serve(host);
    const caBundle = readFileSync(join(this.#state, "pki", "ca.crt")).toString("base64");
    const body = open.map(({ index }) => ({
      op: "add",
      path: `/webhooks/${index}/clientConfig/caBundle`,
      value: caBundle,
    }));
    const contentType = "application/json-patch+json";
    await this.#cluster.send({
      method: "PATCH",
      path,
      contentType,
      query: { fieldManager: "ca-injector" },
      body,
    });
  }

  #serve(host: string): void {
    if (this.#known.has(host)) return;
    this.#known.add(host);
    const { cert, key } = serverCertificate(join(this.#state, "pki"), host);
    this.#tls?.addContext(host, { cert: readFileSync(cert), key: readFileSync(key) });
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  const { apiVersion, kind, request: asked } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Review;
  const said =
    kind === "ConversionReview"
      ? {
          result: { status: "Success" },
          convertedObjects: (asked.objects ?? []).map((it) => ({
            ...it,
            apiVersion: asked.desiredAPIVersion,
          })),
        }
      : { allowed: true };
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ apiVersion, kind, response: { uid: asked.uid, ...said } }));
}
