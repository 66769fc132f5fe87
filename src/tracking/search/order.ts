import { invalid } from "../wire/errors.ts";
import { isWord, Parser, type Identifier } from "./filter.ts";
import { tokens } from "./lexer.ts";

/** One element of `order_by`. */
export interface OrderClause extends Identifier {
  descending: boolean;
}

const MAX_CLAUSE = 2000;
const MAX_CLAUSES = 20;

/** Reads `order_by`; a field that stands twice is refused. Pure; INVALID_PARAMETER_VALUE names the clause and the place. */
export function parseOrder(clauses: readonly string[]): OrderClause[] {
  if (clauses.length > MAX_CLAUSES) {
    throw invalid(`\`order_by\` has more than ${MAX_CLAUSES} clauses: ${clauses.length}.`);
  }
  const parsed = clauses.map(parseClause);
  checkUnique(parsed, ({ entity, key }) => `${entity}.${key}`);
  return parsed;
}

/** Refuses a field that stands twice; `nameOf` gives one name to all ways of writing it. */
export function checkUnique<Clause>(clauses: readonly Clause[], nameOf: (clause: Clause) => string): void {
  const seen = new Set<string>();
  for (const clause of clauses) {
    const field = nameOf(clause);
    if (seen.has(field)) throw invalid(`\`order_by\` contains duplicate fields: '${field}'.`);
    seen.add(field);
  }
}

function parseClause(clause: string): OrderClause {
  if (clause.length > MAX_CLAUSE) {
    throw invalid(`Invalid order_by clause: it is longer than ${MAX_CLAUSE} characters.`);
  }
  const parser = new Parser(clause, tokens(clause, "order_by"), "order_by");
  const identifier = parser.identifier();
  const direction = parser.next();
  const descending = isWord(direction, "DESC");
  if (direction.kind !== "end") {
    if (!descending && !isWord(direction, "ASC")) parser.fail("ASC or DESC", direction);
    const rest = parser.next();
    if (rest.kind !== "end") parser.fail("the end", rest);
  }
  return { ...identifier, descending };
}
