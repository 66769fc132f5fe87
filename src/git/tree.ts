/** One line of a tree object. */
export interface TreeEntry {
  /** Octal, such as `100644`; `040000` is a folder. */
  mode: string;
  /** Object id in hexadecimal. */
  object: string;
  path: string;
}

/**
 * The content of a tree object: `<mode> <name>\0<id>` per entry, without the mode's leading zero, sorted by
 * bytes as if a folder's name ended in a slash (gitformat-pack; fsck refuses any other order).
 */
export function encodeTree(entries: readonly TreeEntry[]): Uint8Array {
  const sorted = entries
    .map((entry) => ({ entry, key: Buffer.from(sortName(entry)).toString("hex") }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const hex = sorted.map(({ entry: { mode, object, path } }) => {
    const head = Buffer.from(`${mode.replace(/^0/, "")} ${path}\0`).toString("hex");
    return head + object;
  });
  return new Uint8Array(Buffer.from(hex.join(""), "hex"));
}

function sortName({ mode, path }: TreeEntry): string {
  return mode === "040000" ? `${path}/` : path;
}
