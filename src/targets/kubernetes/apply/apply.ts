import type { Clock } from "../../../base/clock.ts";
import type { Ids } from "../../../base/ids.ts";
import { SlipwayError } from "../../../http/errors.ts";
import type { ApiStatus } from "../cluster/api-error.ts";
import type { ClusterClient } from "../cluster/client.ts";
import type { Owned } from "../inventory/entry.ts";
import { PLATFORM_LABEL, readInventory, union, without, writeInventory } from "../inventory/inventory.ts";
import type { Inventory, KeptInventory } from "../inventory/inventory.ts";
import { ADOPTED } from "../inventory/owner.ts";
import { refuseOtherVersion, refusePaused } from "../inventory/versions.ts";
import { identityKey, identityOf } from "../object.ts";
import type { KubernetesObject } from "../object.ts";
import type { PlannedObject } from "../plan/object-plan.ts";
import { refuseKubernetes } from "../plan/kubernetes-version.ts";
import { planObjects, refuseBlocked } from "../plan/plan.ts";
import type { Rendered } from "../render/rendered.ts";
import type { Report } from "./progress.ts";
import { removeObjects } from "./remove.ts";
import { versionOf, waitReady, waitedFor } from "./wait-ready.ts";

export interface ApplyOptions {
  /** Takes over objects that somebody else made. */
  adopt?: boolean;
  /** Takes over fields that somebody else owns. */
  forceConflicts?: boolean;
  /** Deletes and makes anew what can't be changed. */
  replace?: boolean;
  /** Goes on from what an older slipway applied. */
  upgrade?: boolean;
  /** Whether to wait until all works; true. */
  wait?: boolean;
  /** For definitions and webhooks to answer, for what is pruned to go, for all to work: each so long at most. */
  timeoutMs: number;
}

export interface ApplyDeps {
  client: ClusterClient;
  clock: Clock;
  ids: Ids;
  report: Report;
  /** Version of this slipway. */
  slipway: string;
}

/** What was done; nothing of it twice when an apply that was killed is run again. */
export interface Applied {
  applied: readonly string[];
  replaced: readonly string[];
  pruned: readonly string[];
  unchanged: number;
}

/** A definition or a webhook that comes up is asked again after so many milliseconds. */
const RETRY_MS = 500;
const LONGEST_RETRY_MS = 5000;

/**
 * Brings the cluster to what the file says. What is made is written down before it is made, so that a run that was
 * killed at any line is taken up by the next one. Changes nothing when an object stands in the way.
 */
export async function applyPlatform(
  rendered: Rendered,
  options: ApplyOptions,
  deps: ApplyDeps,
): Promise<Applied> {
  const { client } = deps;
  const { name, namespace } = rendered.platform;
  refuseKubernetes(await client.version(), rendered);
  const before = await readInventory(client, { platform: name, namespace });
  refusePaused(before);
  refuseOtherVersion(before, deps.slipway, options.upgrade === true);
  const planned = await planObjects(client, rendered, before, options);
  refuseBlocked(planned);
  if (options.replace !== true) refuseReplacing(planned);

  const run = new ApplyRun(rendered, options, deps, before);
  const changing = new Map(planned.map((one) => [one.key, one]));
  await run.makeHome(changing);
  await run.write("applying");
  for (const { object } of rendered.objects) await run.object(object, changing.get(keyOf(object)));
  await run.prune(planned);
  await run.write("applied");
  if (options.wait !== false)
    await waitReady(client, waitedFor(rendered), { ...deps, timeoutMs: options.timeoutMs });
  return run.result();
}

/** Where the inventory lies; made for it where nothing in the file makes it, and kept until the platform goes. */
function homeNamespace(name: string): KubernetesObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

function keyOf(object: KubernetesObject): string {
  return identityKey(identityOf(object));
}

/** One go at a platform: what it has done so far. */
class ApplyRun {
  readonly #rendered: Rendered;
  readonly #options: ApplyOptions;
  readonly #deps: ApplyDeps;
  readonly #wanted: readonly Owned[];
  readonly #old: readonly Owned[];
  readonly #run: string;
  #kept: KeptInventory | undefined;
  #done = 0;
  readonly #applied: string[] = [];
  readonly #replaced: string[] = [];
  #pruned: readonly string[] = [];

  constructor(rendered: Rendered, options: ApplyOptions, deps: ApplyDeps, before: KeptInventory | undefined) {
    this.#rendered = rendered;
    this.#options = options;
    this.#deps = deps;
    this.#kept = before;
    this.#old = before?.entries ?? [];
    this.#run = deps.ids.hex();
    this.#wanted = rendered.objects.map(({ object }) => ({
      identity: identityOf(object),
      version: versionOf(object.apiVersion),
    }));
  }

  /** The namespace in which the inventory lies must be there before anything can be written down. */
  async makeHome(planned: ReadonlyMap<string, PlannedObject>): Promise<void> {
    const { namespace } = this.#rendered.platform;
    const home = this.#rendered.objects.find(
      ({ object }) => object.kind === "Namespace" && object.metadata.name === namespace,
    );
    if (home !== undefined) {
      await this.#adopt(home.object, planned.get(keyOf(home.object)));
      await this.#apply(home.object);
      return;
    }
    const labels = { [PLATFORM_LABEL]: this.#rendered.platform.name };
    const made = homeNamespace(namespace);
    if ((await this.#deps.client.get(identityOf(made), "v1")) !== undefined) return;
    await this.#apply({ ...made, metadata: { ...made.metadata, labels } });
  }

  async write(state: Inventory["state"]): Promise<void> {
    const { client, clock, slipway } = this.#deps;
    const { platform, environment } = this.#rendered;
    this.#kept = await writeInventory(
      client,
      {
        platform: platform.name,
        namespace: platform.namespace,
        ...(environment === undefined ? {} : { environment }),
        slipway,
        state,
        run: this.#run,
        at: clock.now(),
        entries: state === "applied" ? this.#wanted : union(this.#wanted, this.#old),
      },
      this.#kept,
    );
  }

  async object(object: KubernetesObject, planned: PlannedObject | undefined): Promise<void> {
    this.#done++;
    if (planned?.action === "keep") return;
    const isReplaced = planned?.action === "replace";
    if (isReplaced) await this.#remove(object);
    await this.#adopt(object, planned);
    await this.#apply(object);
    const key = keyOf(object);
    (isReplaced ? this.#replaced : this.#applied).push(key);
    const of = this.#rendered.objects.length;
    this.#deps.report({ step: isReplaced ? "replaced" : "applied", key, done: this.#done, of });
  }

  async prune(planned: readonly PlannedObject[]): Promise<void> {
    const going = new Set(planned.filter(({ action }) => action === "delete").map(({ key }) => key));
    const left = without(this.#old, this.#wanted).filter(({ identity }) => going.has(identityKey(identity)));
    await this.#removeAll(left);
    this.#pruned = left.map(({ identity }) => identityKey(identity));
  }

  result(): Applied {
    return {
      applied: this.#applied,
      replaced: this.#replaced,
      pruned: this.#pruned,
      unchanged: this.#rendered.objects.length - this.#applied.length - this.#replaced.length,
    };
  }

  /** Notes that it was there before, ahead of our labels: a run that is killed in between doesn't make it ours. */
  async #adopt(
    { apiVersion, kind, metadata }: KubernetesObject,
    planned: PlannedObject | undefined,
  ): Promise<void> {
    if (planned?.isAdopted !== true) return;
    const resource = await this.#deps.client.discovery.find(apiVersion, kind);
    if (resource === undefined) return;
    const patch = { metadata: { annotations: { [ADOPTED]: "true" } } };
    await this.#deps.client.merge(resource, metadata.namespace, metadata.name, patch);
  }

  async #remove(object: KubernetesObject): Promise<void> {
    await this.#removeAll([{ identity: identityOf(object), version: versionOf(object.apiVersion) }]);
  }

  async #removeAll(owned: readonly Owned[]): Promise<void> {
    const { timeoutMs } = this.#options;
    const platform = this.#rendered.platform.name;
    const stuck = await removeObjects(owned, { ...this.#deps, platform, timeoutMs });
    if (stuck.length === 0) return;
    throw new SlipwayError("PLATFORM_NOT_READY", `${stuck.length} objects that left the file don't go`, {
      given: stuck.map(({ key, why }) => `${key}: ${why}`).join("; "),
      details: { objects: stuck },
    });
  }

  /** Applies one, waiting for the definition or webhook that comes up with it. */
  async #apply(object: KubernetesObject): Promise<void> {
    const { client, clock, report } = this.#deps;
    const force = this.#options.forceConflicts === true;
    const until = clock.now() + this.#options.timeoutMs;
    let pause = RETRY_MS;
    for (let isFirst = true; ; isFirst = false) {
      const answer = await client.apply(object, { force });
      if (answer.result === "applied") return;
      const why = answer.result === "refused" ? answer.status.message : `the server answers ${answer.result}`;
      const mayPass = answer.result === "no-kind" || (answer.result === "refused" && comesUp(answer.status));
      if (!mayPass || clock.now() >= until) throw refused(keyOf(object), why, answer);
      if (isFirst) report({ step: "waiting", key: keyOf(object), why });
      await clock.sleep(pause);
      pause = Math.min(pause * 1.5, LONGEST_RETRY_MS);
    }
  }
}

/** What passes once something that was just made runs, or something that was deleted is gone. */
function comesUp({ message }: ApiStatus): boolean {
  return /failed calling webhook|conversion webhook|is being (?:deleted|terminated)/.test(message);
}

function refused(
  key: string,
  why: string,
  answer: Exclude<Awaited<ReturnType<ClusterClient["apply"]>>, { result: "applied" }>,
): SlipwayError {
  if (answer.result === "conflict")
    return new SlipwayError("FIELDS_OWNED", `somebody else owns fields of ${key}`, {
      given: answer.conflicts.map(({ manager, field }) => `${field}: ${manager}`).join("; "),
      details: { conflicts: answer.conflicts },
    });
  if (answer.result === "refused" && comesUp(answer.status))
    return new SlipwayError("PLATFORM_NOT_READY", `what ${key} needs doesn't answer in time`, { given: why });
  const code = answer.result === "no-kind" ? "CLUSTER_KIND_MISSING" : "CLUSTER_OBJECT_REFUSED";
  return new SlipwayError(code, `the cluster refuses ${key}`, { given: why });
}

function refuseReplacing(planned: readonly PlannedObject[]): void {
  const replaced = planned.filter(({ action }) => action === "replace");
  if (replaced.length === 0) return;
  throw new SlipwayError("PLATFORM_BLOCKED", `${replaced.length} objects can't be changed, only made anew`, {
    given: replaced.map(({ key, problem }) => `${key}: ${problem?.message ?? ""}`).join("; "),
    hint: "Read `slipway platform plan`; --replace deletes them and makes them anew.",
    details: { objects: replaced.map(({ key }) => key) },
  });
}
