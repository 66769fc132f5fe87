import { SlipwayError } from "../http/errors.ts";

const MAX_PATH = 4096;
const MAX_NAME = 255;
/** More layers of percent-encoding than any client produces; what is still encoded after them is refused. */
const MAX_DECODINGS = 8;

/**
 * Checks a path below a blob store's root and answers it unchanged. Names are separated by `/`; the empty path
 * is the root. Refused with BLOB_PATH_REFUSED: absolute paths, empty names (`//`), `.` and `..`, backslashes,
 * drive letters, control characters, and all of these behind any number of percent-encodings, because
 * something between here and the file might decode once more.
 */
export function checkBlobPath(path: string): string {
  if (path === "") return path;
  if (path.length > MAX_PATH) refuse(path.slice(0, 80), `is longer than ${MAX_PATH} characters`);
  let text = path;
  for (let layer = 0; ; layer++) {
    const problem = problemOf(text);
    if (problem) refuse(path, problem);
    const decoded = decodePercents(text);
    if (decoded === text) return path;
    if (layer === MAX_DECODINGS) refuse(path, "is percent-encoded too many times");
    text = decoded;
  }
}

/**
 * A name as the file systems compare it that know no case (APFS and HFS+ unless told otherwise): two names that differ
 * only in what is folded here may be one file there.
 */
export function foldName(name: string): string {
  return name
    .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .normalize("NFKC")
    .toLowerCase();
}

function problemOf(path: string): string | undefined {
  if (/^[A-Za-z]:/.test(path)) return "begins with a drive letter";
  if (path.includes("\\")) return "contains a backslash";
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(path)) return "contains a control character";
  for (const name of path.split("/")) {
    if (name === "") return path.startsWith("/") ? "is absolute" : "contains an empty name";
    if (name === "." || name === "..") return `contains \`${name}\``;
    if (Buffer.byteLength(name) > MAX_NAME) return `contains a name of more than ${MAX_NAME} bytes`;
  }
  return undefined;
}

/** One layer of percent-encoding, byte by byte: malformed sequences stay, so that nothing hides behind an error. */
function decodePercents(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function refuse(path: string, problem: string): never {
  throw new SlipwayError("BLOB_PATH_REFUSED", `the path ${problem}`, { given: JSON.stringify(path) });
}
