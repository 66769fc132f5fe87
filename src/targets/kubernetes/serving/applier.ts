import type { Clock } from "../../../base/clock.ts";
import type { ClusterClient } from "../cluster/client.ts";
import { groupOf, identityKey, identityOf } from "../object.ts";
import type { KubernetesObject, ObjectIdentity } from "../object.ts";
import type { Carrier } from "./deps.ts";
import { objectsIn } from "./branch-state.ts";
import type { Cause } from "./causes.ts";
import { applyWithPods } from "./first-pods.ts";
import { MANAGED_BY, MANAGER } from "./names.ts";
import { strangerOf } from "./stranger.ts";
import type { CarriedKind } from "./variant-kinds.ts";

export interface ApplierDeps {
  client: ClusterClient;
  clock: Clock;
  signal: AbortSignal;
  log(error: unknown, where: string): void;
  /** What it makes. What carries our label, is of one of these and isn't in the branch goes. */
  kinds: readonly CarriedKind[];
}

interface Wanted {
  path: string;
  object: KubernetesObject;
  text: string;
  /** All of its file. */
  beside: readonly KubernetesObject[];
}

/** Whatever somebody changed by hand is put back within this. */
const HEAL_MS = 15_000;

/**
 * Carries a branch out where no GitOps engine does: server-side apply of exactly its objects under our own field manager, and
 * removal of those of ours that it no longer names. What was applied as it stands isn't sent again, but for the
 * regular look that puts changes by hand back.
 */
export class Applier implements Carrier {
  readonly #deps: ApplierDeps;
  /** Text of each object as it was applied last, by identity. */
  readonly #applied = new Map<string, { identity: ObjectIdentity; text: string }>();
  /** Keys of those that are known to be ours: one of somebody else's is neither changed nor deleted. */
  readonly #ours = new Set<string>();
  readonly #swept = new Set<string>();
  /** By path: what comes before the branch, and what the branch said then. */
  readonly #ahead = new Map<string, { text: string; before: string | undefined }>();
  #latest: { commit: string; files: ReadonlyMap<string, string> } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: ApplierDeps) {
    this.#deps = deps;
  }

  carryOut(commit: string, files: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, Cause>> {
    this.#latest = { commit, files };
    for (const [path, { before }] of this.#ahead) if (files.get(path) !== before) this.#ahead.delete(path);
    return this.#inTurn(() => this.#apply(this.#latest?.files ?? files));
  }

  /** Waits for nothing that is under way; what of it was sent before is put right after it. */
  async first(path: string, text: string): Promise<Cause | undefined> {
    this.#ahead.set(path, { text, before: this.#latest?.files.get(path) });
    const objects = objectsIn(text);
    const causes = await Promise.all(objects.map((object) => this.#put(object, objects)));
    for (const object of objects) this.#applied.delete(identityKey(identityOf(object)));
    const { commit, files } = this.#latest ?? {};
    if (commit !== undefined && files !== undefined)
      void this.#inTurn(() => this.#apply(this.#latest?.files ?? files)).catch((error: unknown) =>
        this.#deps.log(error, `putting ${path} in force`),
      );
    return causes.find((cause) => cause !== undefined);
  }

  /** Puts back what somebody changed, until the signal is aborted. */
  async heal(): Promise<void> {
    const { clock, signal, log } = this.#deps;
    while (!signal.aborted) {
      await clock.sleep(HEAL_MS, signal).catch(() => undefined);
      if (signal.aborted || this.#latest === undefined) continue;
      const { files } = this.#latest;
      await this.#inTurn(async () => {
        for (const entry of this.#applied.values()) entry.text = "";
        this.#swept.clear();
        await this.#apply(files);
      }).catch((error: unknown) => log(error, "putting back what the branch says"));
    }
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(act);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #apply(files: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, Cause>> {
    const refused = new Map<string, Cause>();
    const wanted = new Map<string, Wanted>();
    for (const [path, said] of files) {
      const beside = objectsIn(this.#ahead.get(path)?.text ?? said);
      for (const object of beside.filter((one) => this.#isMine(one)))
        wanted.set(identityKey(identityOf(object)), { path, object, text: JSON.stringify(object), beside });
    }
    for (const [key, { path, object, text, beside }] of wanted) {
      if (this.#applied.get(key)?.text === text) continue;
      // Said to come first while this was under way.
      const ahead = this.#ahead.get(path);
      if (ahead !== undefined && !objectsIn(ahead.text).some((one) => JSON.stringify(one) === text)) continue;
      const cause = await this.#put(object, beside);
      if (cause === undefined) this.#applied.set(key, { identity: identityOf(object), text });
      else refused.set(path, cause);
    }
    for (const namespace of new Set(
      [...wanted.values()].map(({ object }) => object.metadata.namespace ?? ""),
    ))
      await this.#sweep(namespace);
    for (const [key, { identity }] of this.#applied)
      if (!wanted.has(key)) {
        await this.#deps.client.delete(identity);
        this.#applied.delete(key);
        this.#ours.delete(key);
      }
    return refused;
  }

  /** Answers why it can't be. */
  async #put(object: KubernetesObject, beside: readonly KubernetesObject[]): Promise<Cause | undefined> {
    const { client } = this.#deps;
    const key = identityKey(identityOf(object));
    const stranger = this.#ours.has(key) ? undefined : await strangerOf(client, object);
    const cause = stranger ?? (await applyWithPods(client, object, beside));
    if (cause === undefined) this.#ours.add(key);
    return cause;
  }

  #isMine({ apiVersion, kind }: KubernetesObject): boolean {
    return this.#deps.kinds.some((one) => one.kind === kind && one.group === groupOf(apiVersion));
  }

  /** Finds what a former leader left behind: it is ours, and is known from now on. */
  async #sweep(namespace: string): Promise<void> {
    if (this.#swept.has(namespace)) return;
    for (const { group, version, kind } of this.#deps.kinds) {
      const apiVersion = group === "" ? version : `${group}/${version}`;
      const selection = { namespace, labelSelector: `${MANAGED_BY}=${MANAGER}` };
      for (const found of await this.#deps.client.listKind(apiVersion, kind, selection)) {
        // What KServe makes of an InferenceService bears its labels, and goes with it.
        if (isMadeOfAnother(found)) continue;
        const identity = identityOf(found);
        const key = identityKey(identity);
        this.#ours.add(key);
        if (!this.#applied.has(key)) this.#applied.set(key, { identity, text: "" });
      }
    }
    this.#swept.add(namespace);
  }
}

function isMadeOfAnother({ metadata }: KubernetesObject): boolean {
  const owners = (metadata["ownerReferences"] ?? []) as { controller?: boolean }[];
  return owners.some(({ controller }) => controller === true);
}
