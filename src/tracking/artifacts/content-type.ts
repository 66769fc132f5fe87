import { extname } from "node:path";

/** As MLflow: what people read. Markup is here as well: it is shown as text, never run. */
const TEXT = new Set(
  (
    "txt log err cfg conf cnf cf ini properties prop hocon toml yaml yml xml json js py py3 csv tsv md rst ipynb " +
    "mlmodel mlproject html htm xhtml svg"
  ).split(" "),
);

/** What a browser can't run anything in. */
const OTHERS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    png: "image/png",
    jpg: "image/jpeg",
    jpeg: "image/jpeg",
    gif: "image/gif",
    webp: "image/webp",
    bmp: "image/bmp",
    pdf: "application/pdf",
    zip: "application/zip",
    mp3: "audio/mpeg",
    wav: "audio/wav",
    ogg: "audio/ogg",
    mp4: "video/mp4",
    webm: "video/webm",
  }),
);

/**
 * The content type that a file is sent with. It depends on the name alone, never on what the uploader claimed, and is
 * never one that a browser would run as a page.
 */
export function contentTypeOf(fileName: string): string {
  const extension = (extname(fileName).slice(1) || fileName).toLowerCase();
  if (TEXT.has(extension)) return "text/plain";
  return OTHERS.get(extension) ?? "application/octet-stream";
}

/**
 * `Content-Disposition` of a file to keep (RFC 6266): a bare name where it is a token, as MLflow's clients expect it;
 * else a harmless stand-in and the true name percent-encoded, so that no name can end the header or add a parameter.
 */
export function dispositionOf(fileName: string): string {
  if (/^[\w!#$&'*+.^`|~-]+$/.test(fileName)) return `attachment; filename=${fileName}`;
  const plain = fileName.replace(/[^\w.() -]/g, "_");
  const encoded = encodeURIComponent(wellFormed(fileName)).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** Half a surrogate pair can't be encoded. */
function wellFormed(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}
