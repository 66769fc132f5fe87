import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { TrafficRule } from "../backend.ts";
import { CallerFile } from "./caller-file.ts";

/** Callers of one trial that are told apart; more are no units of the test, which only makes it slower. */
const MAX_CALLERS = 200_000;
/** Marks of one trial: each caller has one, and one more for each step that it came back in. 12.8 MB. */
const MAX_MARKS = 4 * MAX_CALLERS;
/**
 * Of past trials: the same version tried again must find who was drawn before. Each service has its own, so that one that
 * is pushed to all day takes nobody else's.
 */
const MAX_FILES_OF_SERVICE = 16;
const MAX_FILES = 256;
const ENDING = ".callers";

/** Marks other than the share at which a champion's caller was drawn last. */
const CHALLENGERS = 2;
const SHADOWED = 3;

type Trialled = Pick<TrafficRule, "service" | "challenger">;

/** What is known of the callers of one challenger. */
interface Trial {
  challenger: number;
  /** Highest share at which a caller of the champion was drawn, or CHALLENGERS. */
  drawn: Map<number, number>;
  /** Callers of whom a copy went to the challenger. */
  shadowed: Set<number>;
  /** undefined: it can't be written, so that nobody counts. */
  file: CallerFile | undefined;
}

/**
 * With a sticky header the caller is what is drawn, not the request: a caller counts once in the rollout's test, by the
 * first request of the trial. A caller's point in [0, 1) is fixed, and the challenger has those below its share;
 * so when the share rises from s to t, the callers who were the champion's are drawn once more: their points are spread
 * evenly over [s, 1), and a part (t - s) / (1 - s) of them moves. Those of the challenger, and a share that falls, bring
 * nothing new. What was seen is in a file before it counts: a restart must not make callers count twice.
 */
export class SeenCallers {
  readonly #dir: string;
  readonly #trials = new Map<string, Trial>();

  /** @param dir folder of its own */
  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** Makes the trial that a rule speaks of the service's present one, and reads what an earlier process saw of it. */
  enter({ service, challenger, sticky }: TrafficRule): void {
    if (sticky === undefined || challenger === undefined) this.leave(service);
    else this.#trial({ service, challenger });
  }

  /** The service has no trial now. */
  leave(service: string): void {
    this.#trials.get(service)?.file?.close();
    this.#trials.delete(service);
  }

  /**
   * The challenger's share with which this request counts, given all that was drawn before; undefined when it
   * brings nothing new.
   * @param share in force
   * @param isChallengers whether the caller's point gives the request to the challenger
   */
  draw(rule: Trialled, share: number, caller: string, isChallengers: boolean): number | undefined {
    // Nobody is drawn, so nobody is compared: every request tells of the champion.
    if (rule.challenger === undefined || share <= 0) return share;
    const trial = this.#trial(rule as Required<Trialled>);
    const key = hash53(caller);
    const level = trial.drawn.get(key) ?? 0;
    if (level >= share || (level === 0 && trial.drawn.size >= MAX_CALLERS)) return undefined;
    if (!remember(trial, key, isChallengers ? CHALLENGERS : share)) return undefined;
    return (share - level) / (1 - level);
  }

  /** True for the first request of a caller that is copied to the challenger. That draws a coin, not the caller's point. */
  drawCopy(rule: Trialled & { challenger: number }, caller: string): boolean {
    const trial = this.#trial(rule);
    const key = hash53(caller);
    if (trial.shadowed.has(key) || trial.shadowed.size >= MAX_CALLERS) return false;
    return remember(trial, key, SHADOWED);
  }

  close(): void {
    for (const service of this.#trials.keys()) this.leave(service);
  }

  #trial({ service, challenger }: Required<Trialled>): Trial {
    const present = this.#trials.get(service);
    if (present?.challenger === challenger) return present;
    this.leave(service);
    const trial: Trial = { challenger, drawn: new Map(), shadowed: new Set(), file: undefined };
    this.#trials.set(service, trial);
    try {
      const path = join(this.#dir, fileName(service, challenger));
      trial.file = new CallerFile(path, (caller, mark) => note(trial, caller, mark));
      this.#removeOldest();
    } catch (error) {
      // Its requests are answered all the same.
      console.error(`callers of ${service} can't be told apart, and count in no test:`, error);
    }
    return trial;
  }

  #removeOldest(): void {
    const present = new Set(
      [...this.#trials].map(([service, { challenger }]) => fileName(service, challenger)),
    );
    const kept = new Map<string, number>();
    const isKept = ({ name }: { name: string }): boolean => {
      const service = name.slice(0, SERVICE_DIGITS);
      const newer = kept.get(service) ?? 0;
      kept.set(service, newer + 1);
      return newer < MAX_FILES_OF_SERVICE;
    };
    const past = readdirSync(this.#dir)
      .filter((name) => name.endsWith(ENDING) && !present.has(name))
      .map((name) => ({ name, at: statSync(join(this.#dir, name)).mtimeMs }))
      .sort((a, b) => b.at - a.at);
    const needed = new Set(past.filter(isKept).slice(0, MAX_FILES));
    for (const { name } of past.filter((file) => !needed.has(file)))
      rmSync(join(this.#dir, name), { force: true });
  }
}

function remember(trial: Trial, caller: number, mark: number): boolean {
  const { file } = trial;
  if (file === undefined || file.records >= MAX_MARKS || !file.append(caller, mark)) return false;
  note(trial, caller, mark);
  return true;
}

function note(trial: Trial, caller: number, mark: number): void {
  if (mark === SHADOWED) trial.shadowed.add(caller);
  else trial.drawn.set(caller, mark);
}

const SERVICE_DIGITS = 32;

/** A service's name may be longer than a file's. */
function fileName(service: string, challenger: number): string {
  return `${createHash("sha256").update(service).digest("hex").slice(0, SERVICE_DIGITS)}-v${challenger}${ENDING}`;
}

/** 53 bits of two FNV-1a hashes: two callers that meet cost one unit, never a wrong one. */
function hash53(text: string): number {
  let high = 0x811c9dc5;
  let low = 0x01000193;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x85ebca6b);
  }
  return (high >>> 0) * 2 ** 21 + ((low >>> 0) & 0x1fffff);
}
