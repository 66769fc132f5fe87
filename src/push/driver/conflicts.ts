import { SlipwayError } from "../../http/errors.ts";

/** Something that the target has otherwise. */
export interface Conflict {
  kind: string;
  id: string;
  why: string;
}

/** Conflicts that an error names. */
const MOST_NAMED = 100;
const IN_MESSAGE = 3;

/** Collects what differs, so that all of it is said at once. */
export class Conflicts {
  readonly #found: Conflict[] = [];
  #count = 0;

  add(conflict: Conflict): void {
    this.#count++;
    if (this.#found.length < MOST_NAMED) this.#found.push(conflict);
  }

  /** PUSH_CONFLICT when there are any. `hint`: what is likely to help more than the usual. */
  refuse(url: string, hint?: string): void {
    if (this.#count === 0) return;
    const named = this.#found.slice(0, IN_MESSAGE).map(({ kind, id, why }) => `${kind} ${id}: ${why}`);
    const more = this.#count > named.length ? `; and ${this.#count - named.length} more` : "";
    throw new SlipwayError("PUSH_CONFLICT", `nothing was written to ${url}: ${named.join("; ")}${more}`, {
      ...(hint === undefined ? {} : { hint }),
      details: { conflicts: this.#found, count: this.#count },
    });
  }
}
