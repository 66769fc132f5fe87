import { Readable } from "node:stream";
import { SlipwayError } from "../../http/errors.ts";
import type { BlobContent, BlobStore } from "../../store/blobs.ts";
import { describeFolder, packFolder } from "./archive.ts";

/** Archives of the models that serve in pods: whichever control leads, a pod that starts finds its model. */
export class ArchiveStore {
  readonly #blobs: BlobStore;
  /** By folder: a copy's content never changes, and large ones take their time to be read. */
  readonly #known = new Map<string, Promise<string>>();

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  /** Keeps the folder's archive for a tenant; answers its digest. Nothing is written when it is there. */
  keep(folder: string, tenant: string): Promise<string> {
    const key = `${tenant} ${folder}`;
    let keeping = this.#known.get(key);
    if (keeping === undefined) {
      keeping = this.#keep(folder, tenant).catch((error: unknown) => {
        this.#known.delete(key);
        throw error;
      });
      this.#known.set(key, keeping);
      const [oldest] = this.#known.keys();
      if (this.#known.size > 1_000 && oldest !== undefined) this.#known.delete(oldest);
    }
    return keeping;
  }

  /** NOT_FOUND when the tenant has no such archive. */
  async open(digest: string, tenant: string): Promise<BlobContent> {
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new SlipwayError("NOT_FOUND", "there is no such archive");
    return this.#blobs.get(pathOf(digest, tenant));
  }

  async drop(digest: string, tenant: string): Promise<void> {
    this.#known.clear();
    await this.#blobs.delete(pathOf(digest, tenant));
  }

  async #keep(folder: string, tenant: string): Promise<string> {
    const { digest, files } = await describeFolder(folder);
    const path = pathOf(digest, tenant);
    if ((await this.#blobs.stat(path)) === undefined)
      await this.#blobs.put(path, Readable.from(packFolder(folder, files)));
    return digest;
  }
}

/** Where no tenant's artifacts are: nobody reaches it by the artifact API, and pods by their own tenant's token. */
function pathOf(digest: string, tenant: string): string {
  return `workspaces/.slipway/served-models/${tenant}/${digest}`;
}
