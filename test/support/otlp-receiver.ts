import { createServer } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { plain } from "../../src/tracking/traces/otlp/any-value.ts";
import { decodeProtobuf } from "../../src/tracking/traces/otlp/protobuf.ts";
import type { OtlpSpan } from "../../src/tracking/traces/otlp/request.ts";

export interface ReceivedSpan extends Omit<OtlpSpan, "attributes"> {
  attributes: Record<string, unknown>;
  resource: Record<string, unknown>;
}

/** A collector that decodes what it gets, and answers as it is told. */
export interface OtlpReceiver {
  url: string;
  requests: { path: string; headers: IncomingHttpHeaders; body: Buffer }[];
  spans: ReceivedSpan[];
  /** Answers for the next requests, from the front; 200 when there are none left. "never": no answer. */
  answers: ({ status: number; headers?: Record<string, string>; body?: Buffer } | "never")[];
  close(): Promise<void>;
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const receiver: Omit<OtlpReceiver, "url" | "close"> = { requests: [], spans: [], answers: [] };
  const server = createServer((req, res) => {
    const chunks: Uint8Array[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk as unknown as Uint8Array));
    req.on("end", () => {
      const raw = Buffer.concat(chunks);
      const body =
        req.headers["content-encoding"] === "gzip" ? gunzipSync(raw as unknown as Uint8Array) : raw;
      receiver.requests.push({ path: req.url ?? "", headers: req.headers, body });
      const answer = receiver.answers.shift() ?? { status: 200 };
      if (answer === "never") return;
      if (answer.status === 200)
        for (const { resource, spans } of decodeProtobuf(body as never))
          for (const span of spans)
            receiver.spans.push({ ...span, attributes: values(span.attributes), resource: values(resource) });
      res.writeHead(answer.status, answer.headers);
      res.end(answer.body as unknown as Uint8Array | undefined);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    ...receiver,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

function values(attributes: OtlpSpan["attributes"]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));
}
