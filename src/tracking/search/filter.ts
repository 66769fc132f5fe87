import { invalid } from "../wire/errors.ts";
import { excerpt, tokens, type Token } from "./lexer.ts";

export type Operator =
  | "="
  | "!="
  | ">"
  | ">="
  | "<"
  | "<="
  | "LIKE"
  | "ILIKE"
  | "IN"
  | "NOT IN"
  | "IS NULL"
  | "IS NOT NULL";

/** One comparison of MLflow's search grammar. */
export interface Comparison {
  /** In lower case: what stands before the first dot; "attribute" for a bare key. */
  entity: string;
  key: string;
  operator: Operator;
  /** Absent for IS [NOT] NULL; a list for [NOT] IN. */
  value: string | number | string[];
}

const MAX_FILTER = 20_000;

/**
 * MLflow's filter grammar: comparisons joined by AND; no OR, no nesting. Keys may be quoted with back-ticks or
 * quotes, strings must be quoted. Pure; INVALID_PARAMETER_VALUE names the place.
 */
export function parseFilter(filter: string): Comparison[] {
  if (filter.length > MAX_FILTER) throw invalid(`The filter is longer than ${MAX_FILTER} characters.`);
  const parser = new Parser(filter, tokens(filter));
  return parser.filter();
}

class Parser {
  readonly #text: string;
  readonly #tokens: Token[];
  #at = 0;

  constructor(text: string, all: Token[]) {
    this.#text = text;
    this.#tokens = all;
  }

  filter(): Comparison[] {
    const found: Comparison[] = [];
    if (this.#tokens.length === 0) return found;
    for (;;) {
      found.push(this.#comparison());
      const next = this.#tokens[this.#at];
      if (!next) return found;
      if (!isWord(next, "AND")) this.#fail("AND or the end", next);
      this.#at++;
    }
  }

  #comparison(): Comparison {
    const { entity, key } = this.#identifier();
    const operator = this.#operator();
    if (operator === "IS NULL" || operator === "IS NOT NULL") return { entity, key, operator, value: "" };
    if (operator === "IN" || operator === "NOT IN") return { entity, key, operator, value: this.#list() };
    const token = this.#next("a value");
    if (token.kind !== "string" && token.kind !== "number") this.#fail("a number or a quoted string", token);
    return { entity, key, operator, value: token.kind === "number" ? Number(token.text) : token.text };
  }

  #identifier(): { entity: string; key: string } {
    const first = this.#next("a key");
    if (first.kind === "quoted") return { entity: "attribute", key: first.text };
    if (first.kind !== "word") this.#fail("a key", first);
    const dot = first.text.indexOf(".");
    if (dot < 0) return { entity: "attribute", key: first.text };
    const entity = first.text.slice(0, dot).toLowerCase();
    if (dot < first.text.length - 1) return { entity, key: first.text.slice(dot + 1) };
    const key = this.#next("a key");
    if (key.kind !== "quoted" && key.kind !== "string") this.#fail("a key", key);
    return { entity, key: key.text };
  }

  #operator(): Operator {
    const token = this.#next("a comparison");
    if (token.kind === "operator") return token.text as Operator;
    if (isWord(token, "LIKE")) return "LIKE";
    if (isWord(token, "ILIKE")) return "ILIKE";
    if (isWord(token, "IN")) return "IN";
    if (isWord(token, "NOT") && isWord(this.#next("IN"), "IN")) return "NOT IN";
    if (isWord(token, "IS")) {
      const next = this.#next("NULL");
      if (isWord(next, "NULL")) return "IS NULL";
      if (isWord(next, "NOT") && isWord(this.#next("NULL"), "NULL")) return "IS NOT NULL";
    }
    return this.#fail("one of = != > >= < <= LIKE ILIKE IN, NOT IN, IS NULL, IS NOT NULL", token);
  }

  #list(): string[] {
    const values: string[] = [];
    this.#expect("(");
    for (;;) {
      const token = this.#next("a quoted string");
      if (token.kind !== "string") this.#fail("a quoted string", token);
      values.push(token.text);
      const next = this.#next(", or )");
      if (next.text === ")" && next.kind === "mark") return values;
      if (next.text !== "," || next.kind !== "mark") this.#fail(", or )", next);
    }
  }

  #expect(mark: string): void {
    const token = this.#next(mark);
    if (token.kind !== "mark" || token.text !== mark) this.#fail(mark, token);
  }

  #next(expected: string): Token {
    const token = this.#tokens[this.#at];
    if (!token) throw invalid(`Invalid filter '${this.#text}': it ends where ${expected} should be.`);
    this.#at++;
    return token;
  }

  #fail(expected: string, token: Token): never {
    throw invalid(
      `Invalid clause(s) in filter string '${excerpt(this.#text)}': at character ${token.at + 1}, '${token.text}' stands where ${expected} should be.`,
    );
  }
}

function isWord(token: Token, word: string): boolean {
  return token.kind === "word" && token.text.toUpperCase() === word;
}
