import { SlipwayError } from "../../http/errors.ts";
import type { UploadPart } from "../blobs.ts";
import type { S3Client } from "./client.ts";
import { readFailure, toBlobError } from "./failures.ts";
import { elements, escapeXml, textOf } from "./xml.ts";

/** One upload in parts, which the store knows by key and id together. */
export interface OpenUpload {
  key: string;
  uploadId: string;
  /** What an error is about. */
  about: string;
}

/** Id of a new upload. */
export async function beginUpload(client: S3Client, key: string, about: string): Promise<string> {
  const headers = { "content-type": "application/octet-stream" };
  const xml = await client.sendForText({ method: "POST", key, query: { uploads: "" }, headers, about });
  const id = textOf(xml, "UploadId");
  if (id === undefined || id === "")
    throw new SlipwayError("ARTIFACTS_FAILED", "the artifact store began no upload", { where: about });
  return id;
}

/** Makes the object appear. The store may say only within a good answer that it failed. */
export async function joinParts(
  client: S3Client,
  { key, uploadId, about }: OpenUpload,
  parts: readonly UploadPart[],
): Promise<void> {
  const listed = parts
    .map(
      ({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`,
    )
    .join("");
  const xml = await client.sendForText({
    method: "POST",
    key,
    query: { uploadId },
    headers: { "content-type": "application/xml" },
    body: new TextEncoder().encode(`<CompleteMultipartUpload>${listed}</CompleteMultipartUpload>`),
    about,
  });
  if (elements(xml, "Error").length > 0) throw toBlobError(readFailure(500, xml), about);
}

/** Gives an upload up; nothing happens when there is none. */
export async function abortUpload(client: S3Client, { key, uploadId, about }: OpenUpload): Promise<void> {
  try {
    (await client.send({ method: "DELETE", key, query: { uploadId }, about })).resume();
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== "NOT_FOUND") throw error;
  }
}

/** Bytes of all parts that have come so far. */
export async function bytesOfUpload(client: S3Client, { key, uploadId, about }: OpenUpload): Promise<number> {
  let bytes = 0;
  for (let marker = "0"; ;) {
    const query = { uploadId, "max-parts": "1000", "part-number-marker": marker };
    const xml = await client.sendForText({ method: "GET", key, query, about });
    for (const part of elements(xml, "Part")) bytes += Number(textOf(part, "Size") ?? 0);
    const next = textOf(xml, "NextPartNumberMarker");
    if (textOf(xml, "IsTruncated") !== "true" || next === undefined || next === marker) return bytes;
    marker = next;
  }
}

/** Uploads below a prefix that were begun before `time` (milliseconds since the epoch). */
export async function uploadsBefore(client: S3Client, prefix: string, time: number): Promise<OpenUpload[]> {
  const found: OpenUpload[] = [];
  for (let markers: Record<string, string> = {}; ;) {
    const query = { uploads: "", prefix, ...markers };
    const xml = await client.sendForText({ method: "GET", query, about: "uploads" });
    for (const upload of elements(xml, "Upload")) {
      const key = textOf(upload, "Key") ?? "";
      const begun = Date.parse(textOf(upload, "Initiated") ?? "");
      // A store that lists more than was asked for must not have the rest aborted.
      if (begun < time && key.startsWith(prefix))
        found.push({ key, uploadId: textOf(upload, "UploadId") ?? "", about: "uploads" });
    }
    const next = textOf(xml, "NextKeyMarker");
    if (textOf(xml, "IsTruncated") !== "true" || !next || next === markers["key-marker"]) return found;
    markers = { "key-marker": next, "upload-id-marker": textOf(xml, "NextUploadIdMarker") ?? "" };
  }
}
