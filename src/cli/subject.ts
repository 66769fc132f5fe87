import { SlipwayError } from "../http/errors.ts";
import { nearest } from "../spec/nearest.ts";

/** Something that a command line names as KIND/NAME. */
export interface Subject {
  kind: string;
  names: string[];
}

/**
 * `KIND/NAME` with as many names as the kind has. `kinds` maps each kind to that number. USAGE names the nearest
 * kind, or the form that the kind has.
 */
export function parseSubject(text: string, kinds: Readonly<Record<string, number>>): Subject {
  const [kind = "", ...names] = text.split("/");
  const known = Object.keys(kinds);
  const count = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (count === undefined) {
    const near = nearest(kind, known);
    const guess = near === undefined ? "" : `; did you mean ${near}/…?`;
    throw new SlipwayError("USAGE", `there is no kind ${JSON.stringify(kind)}${guess}`, {
      given: text,
      allowed: known.map((each) => form(each, kinds[each] ?? 1)).join(", "),
    });
  }
  if (names.length !== count || names.some((name) => name === ""))
    throw new SlipwayError("USAGE", `${kind} is named by ${count === 1 ? "one name" : `${count} names`}`, {
      given: text,
      allowed: form(kind, count),
    });
  return { kind, names };
}

const FORMS: Readonly<Record<string, string>> = {
  run: "run/ID",
  step: "step/ID/NAME",
  version: "version/MODEL/N",
  service: "service/MODEL",
  rollout: "rollout/ID",
  request: "request/ID",
};

function form(kind: string, count: number): string {
  return FORMS[kind] ?? `${kind}${"/NAME".repeat(count)}`;
}
