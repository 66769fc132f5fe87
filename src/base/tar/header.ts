/** One thing in an archive. */
export interface TarEntry {
  /** `/`-separated, relative. */
  path: string;
  type: "file" | "folder" | "link";
  /** Permission bits. */
  mode: number;
  /** Bytes of a file's content, else 0. */
  size: number;
  /** Seconds since the epoch. */
  modified: number;
  /** Of a symbolic link. */
  target?: string;
}

export const BLOCK = 512;
/** What the fields of a header hold (POSIX.1-1988 ustar); more goes into a pax header (POSIX.1-2001). */
const MAX_NAME = 100;
const MAX_SIZE = 8 ** 11;
const TYPES = { file: "0", folder: "5", link: "2" } as const;

/** The header blocks of an entry: a pax header before it where the plain one has no room. */
export function headerOf(entry: TarEntry): Uint8Array[] {
  const { path, target = "", size } = entry;
  const records: Record<string, string> = {};
  if (Buffer.byteLength(path) > MAX_NAME) records["path"] = path;
  if (Buffer.byteLength(target) > MAX_NAME) records["linkpath"] = target;
  if (size >= MAX_SIZE) records["size"] = String(size);
  const plain = block(entry, TYPES[entry.type]);
  if (Object.keys(records).length === 0) return [plain];
  const text = Buffer.from(Object.entries(records).map(paxRecord).join(""), "utf8");
  const head = block({ path: "pax", type: "file", mode: 0o644, size: text.length, modified: 0 }, "x");
  return [head, new Uint8Array(text), padding(text.length), plain];
}

/** Zeros up to the next whole block. */
export function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

/** `18 path=abc/def/ghi\n`, where the number counts all of the record, itself included. */
function paxRecord([key, value]: [string, string]): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  if (bytes + String(length).length !== length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

function block(entry: TarEntry, type: string): Uint8Array {
  const header = Buffer.alloc(BLOCK);
  // A name that is cut is written whole in the pax header.
  header.write(cut(entry.path), 0, MAX_NAME, "utf8");
  header.write(octal(entry.mode & 0o7777, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(entry.size >= MAX_SIZE ? 0 : entry.size, 11), 124);
  header.write(octal(Math.max(0, entry.modified), 11), 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(cut(entry.target ?? ""), 157, MAX_NAME, "utf8");
  header.write("ustar\u000000", 257);
  header.write(`${octal(checksum(header), 6)}\u0000 `, 148);
  return new Uint8Array(header);
}

function cut(name: string): string {
  return Buffer.byteLength(name) <= MAX_NAME
    ? name
    : Buffer.from(name)
        .subarray(0, MAX_NAME)
        .toString("latin1")
        .replace(/[^\u0020-\u007e]/g, "_");
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

/** Over the header with blanks for the checksum itself. */
export function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 32 : (header[at] ?? 0);
  return sum;
}
