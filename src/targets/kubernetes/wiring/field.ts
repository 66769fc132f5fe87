import type { Path } from "../../../spec/issue.ts";

/** A place in an object: what stands there, if anything does, and the way to it. */
export class Field {
  readonly value: unknown;
  readonly path: Path;

  constructor(value: unknown, path: Path = []) {
    this.value = value;
    this.path = path;
  }

  /** The place further in; one where nothing stands when the way ends early. */
  at(...keys: Path): Field {
    let value = this.value;
    for (const key of keys)
      value =
        typeof value === "object" && value !== null && Object.hasOwn(value, key)
          ? (value as Record<string | number, unknown>)[key]
          : undefined;
    return new Field(value, [...this.path, ...keys]);
  }

  get exists(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** Items of a list; none of what is no list. */
  get items(): Field[] {
    return Array.isArray(this.value) ? this.value.map((item, i) => new Field(item, [...this.path, i])) : [];
  }

  /** Values of a map by key; none of what is no map. */
  get entries(): [string, Field][] {
    if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value)) return [];
    return Object.entries(this.value).map(([key, value]) => [key, new Field(value, [...this.path, key])]);
  }

  /** A text that isn't empty. */
  get text(): string | undefined {
    return typeof this.value === "string" && this.value !== "" ? this.value : undefined;
  }

  get number(): number | undefined {
    return typeof this.value === "number" ? this.value : undefined;
  }

  /** A port: by number, or by name. */
  get port(): number | string | undefined {
    return this.number ?? this.text;
  }

  /** A list's texts. */
  get texts(): string[] {
    return this.items.flatMap(({ text }) => text ?? []);
  }

  /** What stands there as plain data of a shape that its kind's definition promises. */
  as<Shape>(): Shape | undefined {
    return this.exists ? (this.value as Shape) : undefined;
  }
}
