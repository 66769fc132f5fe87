import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { bytesOf } from "../../../src/base/bytes.ts";
import { elements, escapeXml, textOf } from "../../../src/store/s3/xml.ts";
import { Bucket, md5, type StoredObject } from "./bucket.ts";
import { checkSignature, type ReceivedRequest } from "./check-signature.ts";
import { Refusal } from "./refusal.ts";

export interface S3StandInOptions {
  /** Name of its one bucket. */
  bucket: string;
  /** Where the bucket's objects are kept as files. */
  folder: string;
  keys: { accessKeyId: string; secretAccessKey: string };
}

/** One request with what was found out about it. */
interface Call extends ReceivedRequest {
  key: string;
  params: Map<string, string>;
  body: Uint8Array;
  response: ServerResponse;
}

/**
 * The part of S3's protocol that artifacts use, on loopback, for machines without a real S3-compatible server. It
 * checks every signature and every expiry and refuses what S3 refuses; what it doesn't know is an error, never a yes.
 */
export async function startS3StandIn(options: S3StandInOptions): Promise<{ port: number; close(): void }> {
  const bucket = new Bucket(options.folder);
  const server = createServer((request, response) => {
    answer(options, bucket, request, response).catch((error: unknown) => refuse(response, error));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function answer(
  options: S3StandInOptions,
  bucket: Bucket,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = bytesOf(await buffer(request));
  const [path = "", search = ""] = (request.url ?? "").split("?", 2);
  const query = search
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => pair.split("=", 2).map(decodeURIComponent))
    .map(([name = "", value = ""]) => [name, value] as const);
  const received = { method: request.method ?? "", path, query, headers: request.headers };
  const hash = checkSignature(received, options.keys, Date.now());
  if (hash !== undefined && createHash("sha256").update(body).digest("hex") !== hash)
    throw new Refusal(400, "XAmzContentSHA256Mismatch", "the body has another hash");
  const [, name = "", ...parts] = path.split("/").map(decodeURIComponent);
  if (name !== options.bucket) throw new Refusal(404, "NoSuchBucket", "The specified bucket does not exist");
  const call = { ...received, key: parts.join("/"), params: new Map(query), body, response };
  await (call.key === "" ? ofBucket(bucket, call) : ofObject(bucket, call));
}

async function ofBucket(bucket: Bucket, call: Call): Promise<void> {
  const { method, params } = call;
  if (method === "GET" && params.get("list-type") === "2") return list(bucket, call);
  if (method === "GET" && params.has("uploads")) return listUploads(bucket, call);
  if (method === "POST" && params.has("delete")) return deleteSome(bucket, call);
  throw new Refusal(501, "NotImplemented", `${method} of the bucket`);
}

async function ofObject(bucket: Bucket, call: Call): Promise<void> {
  const { method, params, key, body, headers, response } = call;
  const id = params.get("uploadId");
  const contentType = headers["content-type"] ?? "binary/octet-stream";
  if (method === "POST" && params.has("uploads"))
    return xml(
      response,
      "InitiateMultipartUploadResult",
      `<UploadId>${bucket.begin(key, contentType)}</UploadId>`,
    );
  if (id !== undefined) return ofUpload(bucket, call, id);
  if (method === "PUT") {
    const condition = { match: headers["if-match"], noneMatch: headers["if-none-match"] };
    const etag = await bucket.putIf(key, body, contentType, condition);
    response.writeHead(200, { etag }).end();
  } else if (method === "DELETE") {
    await bucket.delete(key);
    response.writeHead(204).end();
  } else if (method === "GET" || method === "HEAD") give(call, await bucket.get(key));
  else throw new Refusal(501, "NotImplemented", `${method} of an object`);
}

async function ofUpload(bucket: Bucket, call: Call, id: string): Promise<void> {
  const { method, params, key, body, response } = call;
  const { parts } = bucket.upload(key, id);
  if (method === "PUT") {
    response.writeHead(200, { etag: bucket.putPart(key, id, Number(params.get("partNumber")), body) }).end();
  } else if (method === "DELETE") {
    bucket.uploads.delete(id);
    response.writeHead(204).end();
  } else if (method === "POST") {
    const listed = elements(new TextDecoder().decode(body), "Part").map((part) => ({
      number: Number(textOf(part, "PartNumber")),
      etag: textOf(part, "ETag") ?? "",
    }));
    const etag = await bucket.complete(key, id, listed);
    xml(response, "CompleteMultipartUploadResult", `<ETag>${escapeXml(etag)}</ETag>`);
  } else if (method === "GET") {
    const after = Number(params.get("part-number-marker") ?? 0);
    const rest = [...parts].filter(([number]) => number > after).toSorted(([a], [b]) => a - b);
    const page = rest.slice(0, Number(params.get("max-parts") ?? 1000));
    const listed = page.map(
      ([number, part]) => `<Part><PartNumber>${number}</PartNumber><Size>${part.bytes.length}</Size></Part>`,
    );
    const isCut = page.length < rest.length;
    const next = isCut ? `<NextPartNumberMarker>${page.at(-1)?.[0]}</NextPartNumberMarker>` : "";
    xml(response, "ListPartsResult", `<IsTruncated>${isCut}</IsTruncated>${next}${listed.join("")}`);
  } else throw new Refusal(501, "NotImplemented", `${method} of an upload`);
}

/** The object, or the range of it that was asked for. */
function give({ method, headers, params, response }: Call, object: StoredObject): void {
  const size = object.bytes.length;
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? "") ?? [];
  const isPart = first !== "" || last !== "";
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (isPart && (start >= size || start > end))
    throw new Refusal(416, "InvalidRange", "The requested range is not satisfiable");
  const disposition = params.get("response-content-disposition");
  const bytes = isPart ? object.bytes.subarray(start, end + 1) : object.bytes;
  response.writeHead(isPart ? 206 : 200, {
    etag: object.etag,
    "last-modified": object.modified.toUTCString(),
    "content-type": params.get("response-content-type") ?? object.contentType,
    "content-length": bytes.length,
    ...(disposition === undefined ? {} : { "content-disposition": disposition }),
    ...(isPart ? { "content-range": `bytes ${start}-${end}/${size}` } : {}),
  });
  response.end(method === "HEAD" ? undefined : bytes);
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
async function list(bucket: Bucket, { params, response }: Call): Promise<void> {
  const prefix = params.get("prefix") ?? "";
  const delimiter = params.get("delimiter");
  const limit = Math.min(1000, Number(params.get("max-keys") ?? 1000));
  const after = Buffer.from(params.get("continuation-token") ?? "", "base64url").toString();
  const isUrl = params.get("encoding-type") === "url";
  const spelt = (key: string): string => (isUrl ? encodeURIComponent(key) : escapeXml(key));
  const entries = new Map<string, number | undefined>();
  for (const { key, size } of await bucket.keys(prefix)) {
    const cut = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    if (cut === -1) entries.set(key, size);
    else entries.set(key.slice(0, cut + 1), undefined);
  }
  const rest = [...entries].filter(([key]) => after === "" || key > after);
  const page = rest.slice(0, limit);
  const isCut = page.length < rest.length;
  const token = isCut ? Buffer.from(page.at(-1)?.[0] ?? "").toString("base64url") : undefined;
  const listed = page.map(([key, size]) =>
    size === undefined
      ? `<CommonPrefixes><Prefix>${spelt(key)}</Prefix></CommonPrefixes>`
      : `<Contents><Key>${spelt(key)}</Key><Size>${size}</Size></Contents>`,
  );
  const next = token === undefined ? "" : `<NextContinuationToken>${token}</NextContinuationToken>`;
  const encoding = isUrl ? "<EncodingType>url</EncodingType>" : "";
  xml(
    response,
    "ListBucketResult",
    `${encoding}<IsTruncated>${isCut}</IsTruncated>${next}${listed.join("")}`,
  );
}

function listUploads(bucket: Bucket, { params, response }: Call): void {
  const listed = [...bucket.uploads]
    .filter(([, { key }]) => key.startsWith(params.get("prefix") ?? ""))
    .map(
      ([id, { key, begun }]) =>
        `<Upload><Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId>` +
        `<Initiated>${begun.toISOString()}</Initiated></Upload>`,
    );
  xml(response, "ListMultipartUploadsResult", `<IsTruncated>false</IsTruncated>${listed.join("")}`);
}

async function deleteSome(bucket: Bucket, { body, headers, response }: Call): Promise<void> {
  if (headers["content-md5"] !== md5(body, "base64"))
    throw new Refusal(400, "InvalidDigest", "Content-MD5 is needed here");
  const objects = elements(new TextDecoder().decode(body), "Object");
  if (objects.length > 1000) throw new Refusal(400, "MalformedXML", "more than 1000 keys");
  for (const object of objects) await bucket.delete(textOf(object, "Key") ?? "");
  xml(response, "DeleteResult", "");
}

function xml(response: ServerResponse, root: string, content: string): void {
  const text = `<?xml version="1.0" encoding="UTF-8"?><${root}>${content}</${root}>`;
  response.writeHead(200, { "content-type": "application/xml" }).end(text);
}

function refuse(response: ServerResponse, error: unknown): void {
  const { status, code, message } =
    error instanceof Refusal ? error : new Refusal(500, "InternalError", String(error));
  const text = `<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error>`;
  response.writeHead(status, { "content-type": "application/xml" }).end(text);
}
