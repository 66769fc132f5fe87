// A tar archive (POSIX.1-2001 pax) of entries, byte for byte the same for the same entries.
import { createReadStream } from "node:fs";

const BLOCK = 512;
const TYPES = { file: "0", text: "0", link: "2", folder: "5", pax: "x" };

/**
 * The archive in pieces.
 * @param {Iterable<import("./entries.mjs").Entry>} entries
 * @returns {AsyncGenerator<Buffer>}
 */
export async function* tar(entries) {
  for (const entry of entries) {
    const content = entry.type === "text" ? Buffer.from(entry.text) : undefined;
    const size = entry.type === "file" ? entry.size : (content?.length ?? 0);
    yield* header(entry, size);
    if (content !== undefined) yield content;
    if (entry.type === "file") yield* contents(entry);
    yield padding(size);
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** A file that changed while it was read would shift everything after it. */
async function* contents({ source, size }) {
  let read = 0;
  for await (const piece of createReadStream(source)) {
    read += piece.length;
    yield piece;
  }
  if (read !== size) throw new Error(`${source} changed while it was read; run it again`);
}

function* header(entry, size) {
  const name = `${entry.path.slice(1)}${entry.type === "folder" ? "/" : ""}`;
  const target = entry.type === "link" ? entry.target : "";
  const records = [...record("path", name), ...record("linkpath", target)].join("");
  if (records !== "") {
    const length = Buffer.byteLength(records);
    yield block({ name: "pax", type: "pax", mode: 0o644, size: length });
    yield Buffer.from(records);
    yield padding(length);
  }
  const { type, mode, uid = 0 } = entry;
  yield block({ name, target, type, mode, uid, size, mtime: entry.type === "file" ? entry.mtime : 0 });
}

/** A name of more than 100 bytes, and one that isn't ASCII, goes into a record before the header. */
function record(key, value) {
  const bytes = Buffer.byteLength(value);
  if (bytes <= 100 && bytes === value.length) return [];
  const body = ` ${key}=${value}\n`;
  const length = Buffer.byteLength(body);
  // Its length counts its own digits.
  let total = length + String(length).length;
  total = length + String(total).length;
  return [`${total}${body}`];
}

function block({ name, target = "", type, mode, uid = 0, size, mtime = 0 }) {
  const bytes = Buffer.alloc(BLOCK);
  const octal = (value, length) => `${value.toString(8).padStart(length - 1, "0")}\0`;
  bytes.write(name, 0, 100, "utf8");
  bytes.write(octal(mode, 8), 100);
  bytes.write(octal(uid, 8), 108);
  bytes.write(octal(uid, 8), 116);
  bytes.write(octal(size, 12), 124);
  bytes.write(octal(mtime, 12), 136);
  bytes.write(" ".repeat(8), 148);
  bytes.write(TYPES[type], 156);
  bytes.write(target, 157, 100, "utf8");
  bytes.write("ustar\x0000", 257);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}

function padding(size) {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}
