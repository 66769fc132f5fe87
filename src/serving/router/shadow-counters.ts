import type { ShadowCounter, ShadowDifference } from "../outcomes.ts";

/** Epochs kept per service, as of the outcomes. */
const MAX_EPOCHS = 64;
const MAX_EXAMPLES = 20;
/** Answers of a 32-bit float's model differ by so much when only the order of its sums does. */
const RELATIVE_TOLERANCE = 1e-5;

export interface ShadowKey {
  service: string;
  /** The challenger's. */
  version: number;
  epoch: string;
}

/** Counts how a shadowed challenger's predictions compare with the champion's. */
export class ShadowCounters {
  readonly #incarnation: string;
  readonly #services = new Map<string, Map<string, ShadowCounter>>();

  constructor(incarnation: string) {
    this.#incarnation = incarnation;
  }

  /** Two predictions of one request, as the workers sum them up (JSON arrays; "": there is none, nothing is compared). */
  compare(
    key: ShadowKey,
    requestId: string,
    at: number,
    predictions: { champion: string; challenger: string },
  ): void {
    if (predictions.champion === "" || predictions.challenger === "") return;
    const counter = this.#counter(key);
    counter.compared += 1;
    if (predictions.champion === predictions.challenger) return;
    const champion = JSON.parse(predictions.champion) as ShadowDifference["champion"];
    const challenger = JSON.parse(predictions.challenger) as ShadowDifference["challenger"];
    if (samePrediction(champion, challenger)) return;
    counter.differed += 1;
    counter.examples.push({ requestId, at, champion, challenger });
    if (counter.examples.length > MAX_EXAMPLES) counter.examples.shift();
  }

  drop(key: ShadowKey): void {
    this.#counter(key).dropped += 1;
  }

  report(): ShadowCounter[] {
    return [...this.#services.values()].flatMap((counters) =>
      [...counters.values()].map((counter) => ({ ...counter, examples: [...counter.examples] })),
    );
  }

  #counter(key: ShadowKey): ShadowCounter {
    let counters = this.#services.get(key.service);
    if (counters === undefined) this.#services.set(key.service, (counters = new Map()));
    const name = `${key.epoch} ${key.version}`;
    let counter = counters.get(name);
    if (counter === undefined) {
      counter = {
        ...key,
        incarnation: this.#incarnation,
        compared: 0,
        differed: 0,
        dropped: 0,
        examples: [],
      };
      counters.set(name, counter);
      const [oldest] = counters.keys();
      if (counters.size > MAX_EPOCHS && oldest !== undefined) counters.delete(oldest);
    }
    return counter;
  }
}

/** Row by row: classes and counts exactly, other numbers up to what 32-bit floats carry through a model. */
export function samePrediction(
  one: readonly (string | number)[],
  other: readonly (string | number)[],
): boolean {
  return one.length === other.length && one.every((value, row) => sameValue(value, other[row]));
}

function sameValue(one: string | number, other: string | number | undefined): boolean {
  if (one === other) return true;
  if (typeof one !== "number" || typeof other !== "number") return false;
  // Class 100,000 isn't class 100,001.
  if (Number.isInteger(one) && Number.isInteger(other)) return false;
  return Math.abs(one - other) <= RELATIVE_TOLERANCE * Math.max(Math.abs(one), Math.abs(other));
}
