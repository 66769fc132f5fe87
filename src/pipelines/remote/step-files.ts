import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { SlipwayError } from "../../http/errors.ts";
import type { BlobContent, BlobStore } from "../../store/blobs.ts";
import { stepReportSchema, type LatestReport, type StepReport } from "./report.ts";

/** Of one JSON document here: a report with the hashes of 50,000 files stays below. */
const MAX_JSON_BYTES = 16 * 2 ** 20;
/** Pipeline runs of one tenant whose files are kept. */
const KEPT_RUNS = 100;
/** Step environments of one tenant that are kept. */
const KEPT_ENVIRONMENTS = 8;

export interface StepFilesLimits {
  /** Of the archive of what a step wrote, and of an environment; default 10 GiB. */
  archiveBytes: number;
  /** Of one step's log; default 16 MiB. */
  logBytes: number;
}

export const STEP_FILES_LIMITS: StepFilesLimits = { archiveBytes: 10 * 2 ** 30, logBytes: 16 * 2 ** 20 };

/**
 * What steps in pods leave with the platform, by tenant: `runs/<id>/` with reports, logs and archives of each pipeline
 * run, `cache/` with what may be reused, `environments/`. All of a pipeline run goes at once, oldest first.
 */
export class StepFiles {
  readonly #blobs: BlobStore;
  readonly #root: string;
  readonly #limits: StepFilesLimits;

  /** `root`: a folder of the store that nothing else writes to, and that callers of the artifact API can't reach. */
  constructor({ blobs, root }: { blobs: BlobStore; root: string }, limits: Partial<StepFilesLimits> = {}) {
    this.#blobs = blobs;
    this.#root = root;
    this.#limits = { ...STEP_FILES_LIMITS, ...limits };
  }

  /** Newest report of a step and how many of its earlier tries failed by themselves. */
  async reports(tenant: string, run: string, step: string): Promise<LatestReport[]> {
    const folder = `${this.#run(tenant, run)}/steps/${step}`;
    const found: LatestReport[] = [];
    for (const { path } of await this.#blobs.list(folder)) {
      const tryNumber = /\/(\d+)\.json$/.exec(path)?.[1];
      const parsed = tryNumber && stepReportSchema.safeParse(await this.#json(path));
      if (parsed && parsed.success) found.push({ tryNumber: Number(tryNumber), report: parsed.data });
    }
    return found.sort((a, b) => a.tryNumber - b.tryNumber);
  }

  async saveReport(
    tenant: string,
    run: string,
    step: string,
    { tryNumber, report }: LatestReport,
  ): Promise<void> {
    await this.#save(
      `${this.#run(tenant, run)}/steps/${step}/${tryNumber}.json`,
      report satisfies StepReport,
    );
  }

  async saveLog(tenant: string, run: string, step: string, tryNumber: number, body: Readable): Promise<void> {
    await this.#blobs.put(`${this.#run(tenant, run)}/steps/${step}/${tryNumber}.log`, body, {
      maxBytes: this.#limits.logBytes,
    });
  }

  /** Logs of all tries of a step, in their order. Whoever doesn't read one to its end destroys it. */
  async logs(tenant: string, run: string, step: string): Promise<{ tryNumber: number; body: Readable }[]> {
    const folder = `${this.#run(tenant, run)}/steps/${step}`;
    const numbers = (await this.#blobs.list(folder)).flatMap(
      ({ path }) => /\/(\d+)\.log$/.exec(path)?.[1] ?? [],
    );
    const found: { tryNumber: number; body: Readable }[] = [];
    for (const tryNumber of numbers.map(Number).sort((a, b) => a - b))
      found.push({ tryNumber, body: (await this.#blobs.get(`${folder}/${tryNumber}.log`)).body });
    return found;
  }

  /** What became of a pipeline run as a whole, for when the cluster has forgotten it. */
  async ended(tenant: string, run: string): Promise<unknown> {
    return this.#json(`${this.#run(tenant, run)}/ended.json`);
  }

  async saveEnded(tenant: string, run: string, status: unknown): Promise<void> {
    await this.#save(`${this.#run(tenant, run)}/ended.json`, status);
  }

  /** Archives of a pipeline run are named by their content; another content is refused, and nothing of it is kept. */
  async saveArchive(tenant: string, run: string, sha256: string, body: Readable): Promise<void> {
    await this.#blobs.put(this.#archive(tenant, run, sha256), Readable.from(checked(body, sha256)), {
      maxBytes: this.#limits.archiveBytes,
    });
  }

  hasArchive(tenant: string, run: string, sha256: string): Promise<boolean> {
    return this.#has(this.#archive(tenant, run, sha256));
  }

  archive(tenant: string, run: string, sha256: string): Promise<BlobContent> {
    return this.#blobs.get(this.#archive(tenant, run, sha256));
  }

  /** The files of a pipeline run's commit, packed by `make` for the first step that asks. */
  async source(tenant: string, run: string, make: () => Promise<Readable>): Promise<BlobContent> {
    const path = `${this.#run(tenant, run)}/source.tar`;
    if (!(await this.#has(path)))
      await this.#blobs.put(path, await make(), { maxBytes: this.#limits.archiveBytes });
    return this.#blobs.get(path);
  }

  /** An environment's packed folder; undefined when nobody has built it yet. */
  async environment(tenant: string, hash: string): Promise<BlobContent | undefined> {
    const path = `${this.#root}/${tenant}/environments/${hash}.tar`;
    return (await this.#has(path)) ? this.#blobs.get(path) : undefined;
  }

  async saveEnvironment(tenant: string, hash: string, body: Readable): Promise<void> {
    const folder = `${this.#root}/${tenant}/environments`;
    await this.#blobs.put(`${folder}/${hash}.tar`, body, { maxBytes: this.#limits.archiveBytes });
    const ages: { path: string; modified: number }[] = [];
    for (const { path } of await this.#blobs.list(folder)) {
      const { body: content, modified } = await this.#blobs.get(path);
      content.destroy();
      ages.push({ path, modified });
    }
    ages.sort((a, b) => b.modified - a.modified);
    for (const { path } of ages.slice(KEPT_ENVIRONMENTS)) await this.#blobs.delete(path);
  }

  kept(tenant: string, key: string): Promise<unknown> {
    return this.#json(`${this.#root}/${tenant}/cache/entries/${key}.json`);
  }

  async keep(tenant: string, key: string, entry: unknown): Promise<void> {
    await this.#save(`${this.#root}/${tenant}/cache/entries/${key}.json`, entry);
  }

  async forget(tenant: string, key: string): Promise<void> {
    await this.#blobs.delete(`${this.#root}/${tenant}/cache/entries/${key}.json`);
  }

  lastKept(tenant: string, project: string, step: string): Promise<unknown> {
    return this.#json(`${this.#root}/${tenant}/cache/last/${project}/${step}.json`);
  }

  async setLastKept(tenant: string, project: string, step: string, last: unknown): Promise<void> {
    await this.#save(`${this.#root}/${tenant}/cache/last/${project}/${step}.json`, last);
  }

  /** Ids sort by time: the oldest pipeline runs go, with all that they left. */
  async tidy(tenant: string): Promise<void> {
    const runs = (await this.#blobs.list(`${this.#root}/${tenant}/runs`)).map(({ path }) => path).sort();
    for (const path of runs.slice(0, -KEPT_RUNS)) await this.#blobs.delete(path);
  }

  #run(tenant: string, run: string): string {
    return `${this.#root}/${tenant}/runs/${run}`;
  }

  #archive(tenant: string, run: string, sha256: string): string {
    return `${this.#run(tenant, run)}/files/${sha256}.tar`;
  }

  async #has(path: string): Promise<boolean> {
    return (await this.#blobs.stat(path))?.isDir === false;
  }

  async #save(path: string, value: unknown): Promise<void> {
    await this.#blobs.put(path, Readable.from([Buffer.from(JSON.stringify(value))]), {
      maxBytes: MAX_JSON_BYTES,
    });
  }

  /** Undefined when it isn't there, or isn't JSON. */
  async #json(path: string): Promise<unknown> {
    if (!(await this.#has(path))) return undefined;
    const { body } = await this.#blobs.get(path);
    let text = "";
    for await (const chunk of body.setEncoding("utf8")) text += chunk as string;
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }
}

/** The same bytes; fails at their end when they aren't the ones that were announced. Read only when it is read itself. */
async function* checked(body: AsyncIterable<Uint8Array>, sha256: string): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of body) {
    hash.update(chunk);
    yield chunk;
  }
  const given = hash.digest("hex");
  if (given === sha256) return;
  throw new SlipwayError("STEP_ARCHIVE_DAMAGED", "the archive isn't the one that was announced", {
    given,
    allowed: sha256,
  });
}
