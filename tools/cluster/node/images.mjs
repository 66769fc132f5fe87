// Images that a node has from the beginning, made of this machine's files: nothing is pulled.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeArchive } from "../../image/archive.mjs";
import { file, folder } from "../../image/entries.mjs";
import { importInto } from "../../image/import.mjs";
import { layer } from "../../image/layer.mjs";
import { merged, program } from "../../image/machine.mjs";

/**
 * Makes an image of one program and hands it to containerd.
 * @param {{ ctr: string, socket: string }} runtime
 * @param {string} name with a tag
 * @param {string} source the program
 * @param {{ args?: string[], user?: string, path?: string, more?: import("../../image/entries.mjs").Entry[] }} [how]
 *   `args`: that it starts with; `path`: in the image, else below its root by the image's name; `more`: that lies beside it
 */
export async function importProgram(runtime, name, source, { args = [], user, path: named, more = [] } = {}) {
  const scratch = mkdtempSync(join(tmpdir(), "slipway-image-"));
  try {
    const path = named ?? `/${name.slice(name.lastIndexOf("/") + 1, name.lastIndexOf(":"))}`;
    const isStatic = spawnSync("ldd", [source]).status !== 0;
    const own = isStatic ? [file(path, source)] : program(source, path);
    const entries = isStatic && more.length === 0 ? own : [...merged(), ...own, ...more];
    const Env = ["PATH=/usr/local/bin:/usr/bin:/bin"];
    const config = { Env, Entrypoint: [path, ...args], ...(user === undefined ? {} : { User: user }) };
    const layers = [await layer(name, [...entries, folder("/tmp", { mode: 0o1777 })])];
    const out = join(scratch, "image.tar");
    await writeArchive({ out, name, layers, config });
    importInto(runtime, out);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
