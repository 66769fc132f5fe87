import type { Json, Place, Step } from "./json.ts";

/** What an edge goes by. */
export type Category = "names" | "ports" | "keys" | "metrics" | "labels" | "paths" | "verbs" | "versions";

/** One reference out of an object, and how it is broken. */
export interface Edge {
  category: Category;
  /** The rule that found it, for reports. */
  rule: string;
  /** Index of the object in what is rendered, and its name for people. */
  object: number;
  owner: string;
  path: readonly Step[];
  /** What stands there and what is put instead; undefined: it is taken away. */
  value: Json;
  broken: Json | undefined;
}

/** A reference as a rule sees it, in one object. */
export type Found = Pick<Edge, "category" | "rule" | "path" | "value" | "broken">;

/** What a rule may know beyond the place: the object's kind, and the names of all objects. */
export interface Surroundings {
  kind: string;
  apiVersion: string;
  /** Names of objects by kind, of everything that is rendered. */
  names: ReadonlyMap<string, ReadonlySet<string>>;
  /** Paths at which the containers of this object mount something. */
  mounts: readonly string[];
  /** Names of the parts of this object. */
  locals: ReadonlySet<string>;
}

/** Sees one place at a time; generic over kinds wherever it can be. */
export type Rule = (place: Place, surroundings: Surroundings) => Found[];

/** Nobody listens there: the next number is often another port of the same Service, and then nothing is broken. */
export function unusedPort(port: number): number {
  return port + 20_000;
}
