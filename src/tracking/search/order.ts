import { invalid } from "../wire/errors.ts";
import { tokens } from "./lexer.ts";

/** One element of `order_by`. */
export interface OrderClause {
  entity: string;
  key: string;
  descending: boolean;
}

/** Reads `order_by`; a field named twice is an error. Pure. */
export function parseOrder(clauses: readonly string[]): OrderClause[] {
  const seen = new Set<string>();
  return clauses.map((clause) => {
    const parsed = parseClause(clause);
    const field = `${parsed.entity}.${parsed.key}`;
    if (seen.has(field)) throw invalid(`\`order_by\` contains duplicate fields: '${field}'.`);
    seen.add(field);
    return parsed;
  });
}

function parseClause(clause: string): OrderClause {
  const all = tokens(clause);
  const last = all.at(-1);
  const direction =
    last?.kind === "word" && /^(asc|desc)$/i.test(last.text) && all.length > 1 ? last.text : "";
  const [first, second, ...rest] = direction === "" ? all : all.slice(0, -1);
  const descending = direction.toUpperCase() === "DESC";
  if (first && rest.length === 0) {
    if (first.kind === "quoted" && !second) return { entity: "attribute", key: first.text, descending };
    if (first.kind === "word") {
      const dot = first.text.indexOf(".");
      if (dot < 0 && !second) return { entity: "attribute", key: first.text, descending };
      const entity = first.text.slice(0, dot).toLowerCase();
      const key = first.text.slice(dot + 1);
      if (dot > 0 && key !== "" && !second) return { entity, key, descending };
      if (dot > 0 && key === "" && second && second.kind !== "word") {
        return { entity, key: second.text, descending };
      }
    }
  }
  throw invalid(`Invalid order_by clause '${clause}'.`);
}
