// What lies in a layer of an image: entries by their path in it, files named by where they are on this machine.
import { lstatSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/**
 * @typedef {{ path: string, mode: number, uid?: number } & (
 *   { type: "folder" } | { type: "link", target: string } |
 *   { type: "file", source: string, size: number, mtime: number } | { type: "text", text: string }
 * )} Entry `path`: absolute, in the image. `mtime`: whole seconds. Owned by root, where no `uid` is given.
 */

/**
 * @param {string} path
 * @returns {Entry}
 */
export function folder(path, { mode = 0o755, uid = 0 } = {}) {
  return { type: "folder", path, mode, uid };
}

/**
 * @param {string} path
 * @param {string} target
 * @returns {Entry}
 */
export function link(path, target) {
  return { type: "link", path, mode: 0o777, target };
}

/**
 * @param {string} path
 * @param {string} content
 * @returns {Entry}
 */
export function text(path, content) {
  return { type: "text", path, mode: 0o644, text: content };
}

/**
 * A file of this machine, or what a link leads to. Its time is kept: Python's compiled modules name that of their
 * source, and would be compiled again at every start.
 * @param {string} path
 * @param {string} source
 * @returns {Entry}
 */
export function file(path, source) {
  const real = realpathSync(source);
  const { size, mtimeMs, mode } = lstatSync(real);
  return {
    type: "file",
    path,
    mode: mode & 0o111 ? 0o755 : 0o644,
    source: real,
    size,
    mtime: Math.floor(mtimeMs / 1000),
  };
}

/**
 * Everything below a folder, links to what lies in the same folder as links, others as what they lead to.
 * @param {string} path
 * @param {string} source
 * @param {(relative: string) => boolean} [keeps]
 * @returns {Entry[]}
 */
export function tree(path, source, keeps = () => true) {
  const found = [];
  const visit = (inside) => {
    for (const { name } of readdirSync(join(source, inside), { withFileTypes: true })) {
      const relative = join(inside, name);
      const from = join(source, relative);
      if (!keeps(relative)) continue;
      const at = join(path, relative);
      const kind = lstatSync(from);
      if (kind.isDirectory()) {
        found.push(folder(at));
        visit(relative);
      } else if (kind.isFile()) found.push(file(at, from));
      else if (kind.isSymbolicLink()) found.push(...linked(at, from));
    }
  };
  visit("");
  return found;
}

/** A link that leads nowhere, such as one to a package's documentation, is left out. */
function linked(at, from) {
  const target = readlinkSync(from);
  if (!target.includes("/")) return [link(at, target)];
  try {
    const real = realpathSync(from);
    return lstatSync(real).isDirectory() ? tree(at, real) : [file(at, real)];
  } catch {
    return [];
  }
}

/**
 * Sorted by path, one entry for each, folders that nobody named added.
 * @param {readonly Entry[]} entries
 * @returns {Entry[]}
 */
export function complete(entries) {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { path } of entries)
    for (let above = dirname(path); above !== "/"; above = dirname(above))
      if (!byPath.has(above)) byPath.set(above, folder(above));
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Path of a file with its folder's links resolved: where the linker finds it, on merged /usr too. */
export function placed(path) {
  return join(realpathSync(dirname(path)), basename(path));
}
