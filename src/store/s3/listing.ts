import type { S3Client } from "./client.ts";
import { elements, textOf } from "./xml.ts";

export interface ListedObject {
  key: string;
  size: number;
}

/** What one page of a listing holds. */
export interface ListedPage {
  objects: ListedObject[];
  /** With their slash at the end. */
  folders: string[];
}

/**
 * Pages of what is below a prefix; with `delimiter` only its direct children. Keys travel percent-encoded, since XML
 * can't hold every character that a key may have.
 */
export async function* listPages(
  client: S3Client,
  prefix: string,
  options: { delimiter?: "/"; maxKeys: number },
): AsyncGenerator<ListedPage> {
  const base = {
    "list-type": "2",
    "encoding-type": "url",
    prefix,
    ...(options.delimiter === undefined ? {} : { delimiter: options.delimiter }),
    "max-keys": String(options.maxKeys),
  };
  for (let token: string | undefined; ;) {
    const query = token === undefined ? base : { ...base, "continuation-token": token };
    const xml = await client.sendForText({
      method: "GET",
      query,
      about: prefix === "" ? "the bucket" : prefix,
    });
    const decode = textOf(xml, "EncodingType") === "url" ? decodeKey : (key: string) => key;
    yield {
      objects: elements(xml, "Contents").map((object) => ({
        key: decode(textOf(object, "Key") ?? ""),
        size: Number(textOf(object, "Size") ?? 0),
      })),
      folders: elements(xml, "CommonPrefixes").map((folder) => decode(textOf(folder, "Prefix") ?? "")),
    };
    const next = textOf(xml, "NextContinuationToken");
    if (textOf(xml, "IsTruncated") !== "true" || next === undefined || next === token) return;
    token = next;
  }
}

function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll("+", "%20"));
  } catch {
    return key;
  }
}
