import { Field } from "./field.ts";

/** What only people read. */
const IGNORED: ReadonlySet<string> = new Set(["description", "managedFields", "message", "summary"]);

/** Texts anywhere below a field that pass a first look. Every object is walked once for each kind of text: kept cheap. */
export function textsIn(root: Field, mayMatter: (text: string) => boolean): Field[] {
  const found: Field[] = [];
  const path: (string | number)[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === "string") {
      if (mayMatter(value)) found.push(new Field(value, [...root.path, ...path]));
      return;
    }
    if (typeof value !== "object" || value === null) return;
    for (const key in value) {
      if (IGNORED.has(key)) continue;
      path.push(Array.isArray(value) ? Number(key) : key);
      visit((value as Record<string, unknown>)[key]);
      path.pop();
    }
  };
  visit(root.value);
  return found;
}
