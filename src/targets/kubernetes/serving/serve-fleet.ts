import type { Clock } from "../../../base/clock.ts";
import { eitherSignal } from "../../../base/either-signal.ts";
import { SlipwayError } from "../../../http/errors.ts";
import { createAdminClient } from "../../../serving/admin/client.ts";
import type { AdminClient } from "../../../serving/admin/client.ts";
import { servingControl } from "../../../serving/admin/serving-control.ts";
import type { ServingControl } from "../../../serving/admin/serving-control.ts";
import { endpointOf, isLeaving, isReady, uidOf } from "./pods.ts";
import type { Pod, PodSource } from "./pods.ts";

export interface ServeFleetDeps {
  pods: PodSource;
  /** Of the pods that are meant. */
  labels: Readonly<Record<string, string>>;
  /** Name of the container's port that takes control's calls. */
  portName: string;
  /** Shown to them. */
  token: string | ((pod: Pod) => string);
  clock: Clock;
  signal: AbortSignal;
  log(error: unknown, where: string): void;
  /** Tells a process all that is in force; called anew until it succeeds. */
  welcome(control: ServingControl, signal: AbortSignal, member: Member): Promise<void>;
  /** A pod isn't there any more. */
  left(pod: string): void;
}

/** One process that serves: a restart in the same pod is another one. */
export interface Member {
  /** The pod's uid. */
  pod: string;
  labels: Readonly<Record<string, string>>;
  control: ServingControl;
  client: AdminClient;
}

interface Known extends Member {
  key: string;
  gone: AbortController;
  isTold: boolean;
  /** What was said to the others while it was being told. */
  missed: number;
  /** Resolves when it knows all; rejects when it is gone before. */
  told: Promise<void>;
}

/** A pod that is ready and doesn't answer may just be dying without the cluster knowing. */
const PATIENCE_MS = 15_000;
const AGAIN_MS = 250;
const WELCOME_AGAIN_MS = 500;
const AWAY = new Set(["SERVE_UNREACHABLE", "TIMEOUT"]);

/** All pods of a kind that control talks to: what is said is said to each of them, and whoever comes anew is told everything before it is ready. */
export class ServeFleet {
  readonly #deps: ServeFleetDeps;
  readonly #known = new Map<string, Known>();
  /** Uids of pods that were met. */
  readonly #seen = new Set<string>();
  #stopWatching: () => void = () => undefined;

  constructor(deps: ServeFleetDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#stopWatching = this.#deps.pods.onChange(() => this.look());
    this.look();
  }

  close(): void {
    this.#stopWatching();
    for (const known of this.#known.values()) this.#forget(known);
  }

  /** Takes notice of pods that came and went. */
  look(): void {
    const pods = this.#pods().filter((pod) => endpointOf(pod, this.#deps.portName) !== undefined);
    const keys = new Set(pods.map((pod) => keyOf(pod, this.#deps.portName)));
    for (const [key, known] of this.#known) if (!keys.has(key)) this.#forget(known);
    for (const pod of pods)
      if (!this.#known.has(keyOf(pod, this.#deps.portName)) && !isLeaving(pod)) this.#meet(pod);
    const uids = new Set(this.#pods().map(uidOf));
    for (const pod of this.#left(uids)) this.#deps.left(pod);
  }

  /** Those that can be asked, the ones that are going included: what they count counts. */
  members(): Member[] {
    return [...this.#known.values()];
  }

  /** Those that have been told everything. */
  async informed(): Promise<Member[]> {
    const all = await Promise.all(
      [...this.#known.values()].map((known) =>
        known.told.then(
          () => known,
          () => undefined,
        ),
      ),
    );
    return all.filter((known) => known !== undefined);
  }

  /**
   * Does it with every process that is meant, and resolves when all have acknowledged. One that isn't ready and doesn't answer is told
   * everything when it is back; SERVE_UNREACHABLE when one that is ready stays silent.
   */
  async all(
    act: (control: ServingControl, member: Member) => Promise<unknown>,
    isMeant: (member: Member) => boolean = () => true,
  ): Promise<void> {
    const deadline = this.#deps.clock.now() + PATIENCE_MS;
    const meant = [...this.#known.values()].filter(isMeant);
    await Promise.all(meant.map((known) => this.#one(known, act, deadline)));
  }

  async #one(
    known: Known,
    act: (control: ServingControl, member: Member) => Promise<unknown>,
    deadline: number,
  ): Promise<void> {
    const { clock } = this.#deps;
    for (;;) {
      if (this.#isPassedOver(known)) return;
      try {
        await known.told;
        await act(known.control, known);
        return;
      } catch (error) {
        const isAway = error instanceof SlipwayError && AWAY.has(error.code);
        const pod = this.#podOf(known);
        // Gone, or another process by now, which is told everything as it comes.
        if (known.gone.signal.aborted || pod === undefined || isLeaving(pod)) return;
        if (!isAway) throw error;
        if (!isReady(pod)) return void this.#tell(known);
        if (clock.now() >= deadline) throw error;
      }
      await clock.sleep(AGAIN_MS, this.#deps.signal);
    }
  }

  /** Nothing waits for a process that begins, or is down: it is told of what it missed before it becomes ready. */
  #isPassedOver(known: Known): boolean {
    if (known.isTold) return false;
    const pod = this.#podOf(known);
    if (pod !== undefined && isReady(pod)) return false;
    known.missed += 1;
    return true;
  }

  #pods(): Pod[] {
    return this.#deps.pods.find(this.#deps.labels);
  }

  #podOf({ key }: Known): Pod | undefined {
    return this.#pods().find((pod) => keyOf(pod, this.#deps.portName) === key);
  }

  /** Pods that were there and aren't. */
  #left(uids: ReadonlySet<string>): string[] {
    const left = [...this.#seen].filter((uid) => !uids.has(uid));
    for (const uid of left) this.#seen.delete(uid);
    return left;
  }

  #meet(pod: Pod): void {
    const { clock, portName, token } = this.#deps;
    const endpoint = endpointOf(pod, portName) ?? "";
    const colon = endpoint.lastIndexOf(":");
    const host = endpoint.slice(0, colon).replaceAll(/[[\]]/g, "");
    const shown = typeof token === "string" ? token : token(pod);
    const address = { host, port: Number(endpoint.slice(colon + 1)), token: shown };
    const client = createAdminClient({ address, clock, patienceMs: 0 });
    const known: Known = {
      key: keyOf(pod, portName),
      pod: uidOf(pod),
      labels: pod.metadata.labels ?? {},
      client,
      control: servingControl(client),
      gone: new AbortController(),
      isTold: false,
      missed: 0,
      told: Promise.resolve(),
    };
    this.#seen.add(known.pod);
    this.#known.set(known.key, known);
    this.#tell(known);
  }

  #tell(known: Known): void {
    known.isTold = false;
    known.told = this.#welcome(known);
    known.told.catch(() => undefined);
  }

  async #welcome(known: Known): Promise<void> {
    const { client, control, gone, pod } = known;
    const { clock, welcome, log, signal } = this.#deps;
    const either = eitherSignal(gone.signal, signal);
    const ending = either.signal;
    for (let failures = 0; ; failures++) {
      try {
        ending.throwIfAborted();
        const { missed } = known;
        await welcome(control, ending, known);
        if (known.missed !== missed) continue;
        await client.call("complete", null);
        if (known.missed !== missed) continue;
        known.isTold = true;
        either.release();
        return;
      } catch (error) {
        ending.throwIfAborted();
        // It starts, or restarts: that needs no words at first.
        if (failures === 20) log(error, `telling pod ${pod} what is in force`);
      }
      await clock.sleep(WELCOME_AGAIN_MS, ending);
    }
  }

  #forget(known: Known): void {
    this.#known.delete(known.key);
    known.gone.abort(new SlipwayError("SERVE_UNREACHABLE", "the serve pod is gone"));
    known.client.close();
  }
}

/** The process in a pod: its container may have been started again, or moved. */
function keyOf(pod: Pod, portName: string): string {
  const restarts = pod.status?.containerStatuses?.[0]?.restartCount ?? 0;
  return `${uidOf(pod)} ${restarts} ${endpointOf(pod, portName) ?? ""}`;
}

export function nobody(): SlipwayError {
  return new SlipwayError("SERVE_UNREACHABLE", "no serve pod can be reached");
}
