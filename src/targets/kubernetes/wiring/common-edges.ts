import { edge } from "./edge.ts";
import type { Edge, Source } from "./edge.ts";
import { textsIn } from "./texts.ts";

/** What every object counts on: that its kind is served, and that its namespace is there. */
export function* commonEdges(source: Source): Iterable<Edge> {
  const { root } = source;
  const { apiVersion, kind, metadata } = source.object.object;
  yield edge(source, "definition", root.at("apiVersion"), { is: "definition", apiVersion, kind });
  const { namespace } = metadata;
  if (namespace !== undefined)
    yield edge(source, "namespace", root.at("metadata", "namespace"), {
      is: "object",
      group: "",
      kind: "Namespace",
      namespace: undefined,
      name: namespace,
    });
}

/** `https://slipway.team-a.svc.cluster.local:4600/v2`: name, namespace and port of a Service inside of the cluster. */
const SERVICE_ADDRESS =
  /(?:\b([a-z][a-z0-9+.-]*):\/\/)?(?:[^\s/@"']*@)?\b([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.svc(?:\.cluster\.local)?(?![\w-])(?::(\d{1,5}))?/g;
const BUCKET_ADDRESS = /\bs3:\/\/([a-z0-9][a-z0-9.-]+[a-z0-9])/g;

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  http: 80,
  https: 443,
  ws: 80,
  wss: 443,
  postgres: 5432,
  postgresql: 5432,
};

/** Kinds whose texts are about names in general, or are certificates' names of what answers elsewhere. */
const NO_TEXTS = new Set(["CustomResourceDefinition", "Certificate"]);

/** Addresses of Services and buckets in any text of an object: variables, arguments, files of ConfigMaps. */
export function* textEdges(source: Source): Iterable<Edge> {
  if (NO_TEXTS.has(source.kind)) return;
  // What is longer isn't written for a program of this platform: a board, or a file of examples.
  const fields = textsIn(source.root, (text) => text.length <= 200_000 && /\.svc|s3:\/\//.test(text));
  for (const field of fields) {
    const text = field.text ?? "";
    for (const [, scheme = "", name = "", namespace = "", port] of text.matchAll(SERVICE_ADDRESS)) {
      const number = port === undefined ? DEFAULT_PORTS[scheme] : Number(port);
      yield edge(source, "service-port", field, { is: "servicePort", namespace, name, port: number });
    }
    for (const [, name = ""] of text.matchAll(BUCKET_ADDRESS))
      yield edge(source, "bucket", field, { is: "bucket", name });
  }
}
