import { invalid } from "../wire/errors.ts";
import { CLAUSE, excerpt, tokens, type Token } from "./lexer.ts";

export type Operator =
  | "="
  | "!="
  | ">"
  | ">="
  | "<"
  | "<="
  | "LIKE"
  | "ILIKE"
  | "RLIKE"
  | "IN"
  | "NOT IN"
  | "IS NULL"
  | "IS NOT NULL";

/** One comparison of MLflow's search grammar. */
export interface Comparison {
  /** What stands before the first dot; "attribute" for a bare key. */
  entity: string;
  key: string;
  operator: Operator;
  /** Empty for IS [NOT] NULL; a list for [NOT] IN. */
  value: string | number | string[];
  /** The value as it was written: a number may have more digits than a double. */
  text: string;
  /** Where it begins in the filter, from 0. */
  at: number;
}

const MAX_FILTER = 20_000;
/** The databases nest an AND of many terms as deep as it is long. */
const MAX_COMPARISONS = 100;

/**
 * MLflow's filter grammar: comparisons joined by AND; no OR, no nesting. A key may be quoted with back-ticks or
 * quotes, strings must be quoted, words of the grammar may be in any case. Pure; INVALID_PARAMETER_VALUE names the
 * place.
 */
export function parseFilter(filter: string): Comparison[] {
  if (filter.length > MAX_FILTER) {
    throw invalid(`The filter is longer than ${MAX_FILTER} characters: it has ${filter.length}.`);
  }
  const found = new Parser(filter, tokens(filter)).filter();
  if (found.length > MAX_COMPARISONS) {
    throw invalid(`The filter has more than ${MAX_COMPARISONS} comparisons: ${found.length}.`);
  }
  return found;
}

/** A key with what stands before its first dot. */
export interface Identifier {
  entity: string;
  key: string;
}

/** Reads words one by one. Used for filters and for order_by clauses. */
export class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #what: "filter" | "order_by";
  #at = 0;

  /** `all` ends with a token of kind `end`. */
  constructor(text: string, all: readonly Token[], what: "filter" | "order_by" = "filter") {
    this.#text = text;
    this.#tokens = all;
    this.#what = what;
  }

  filter(): Comparison[] {
    const found: Comparison[] = [];
    if (this.peek().kind === "end") return found;
    for (;;) {
      found.push(this.#comparison());
      const next = this.next();
      if (next.kind === "end") return found;
      if (!isWord(next, "AND")) this.fail("AND or the end", next);
    }
  }

  peek(): Token {
    return this.#tokens[this.#at] as Token;
  }

  next(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.#at++;
    return token;
  }

  /** `key`, `entity.key`, with either part in back-ticks and the key also in quotes, without spaces around dots. */
  identifier(): Identifier {
    const first = this.next();
    const isName = first.kind === "word" || first.kind === "quoted" || first.raw.startsWith('"');
    if (!isName) this.fail("a key", first);
    const path: Token[] = [];
    for (let before = first; isDot(this.peek()) && this.peek().at === before.end;) {
      const dot = this.next();
      before = this.next();
      const isKey = before.kind === "word" || before.kind === "quoted" || before.kind === "string";
      if (!isKey || before.at !== dot.end) this.fail("a key", before);
      path.push(before);
    }
    const [key, ...more] = path;
    if (!key) return { entity: "attribute", key: first.text };
    const entity = first.kind === "string" ? first.raw : first.text;
    const last = more.at(-1);
    return { entity, key: last ? this.#text.slice(key.at, last.end) : key.text };
  }

  fail(expected: string, token: Token): never {
    const given =
      token.kind === "end"
        ? `it ends where ${expected} should be.`
        : `at character ${token.at + 1}, '${excerpt(token.raw)}' stands where ${expected} should be.`;
    throw invalid(`${CLAUSE[this.#what]} '${excerpt(this.#text)}': ${given}`);
  }

  #comparison(): Comparison {
    const { at } = this.peek();
    const { entity, key } = this.identifier();
    const operator = this.#operator();
    if (operator === "IS NULL" || operator === "IS NOT NULL") {
      return { entity, key, operator, value: "", text: "", at };
    }
    if (operator === "IN" || operator === "NOT IN") {
      return { entity, key, operator, value: this.#list(), text: "", at };
    }
    const token = this.next();
    if (token.kind !== "string" && token.kind !== "number") this.fail("a number or a quoted string", token);
    const value = token.kind === "number" ? Number(token.text) : token.text;
    return { entity, key, operator, value, text: token.text, at };
  }

  #operator(): Operator {
    const token = this.next();
    if (token.kind === "operator") return token.text as Operator;
    const word = token.kind === "word" ? token.text.toUpperCase() : "";
    if (word === "LIKE" || word === "ILIKE" || word === "RLIKE" || word === "IN") return word;
    if (word === "NOT") {
      this.#expect("IN");
      return "NOT IN";
    }
    if (word === "IS") {
      if (!isWord(this.peek(), "NOT")) {
        this.#expect("NULL");
        return "IS NULL";
      }
      this.next();
      this.#expect("NULL");
      return "IS NOT NULL";
    }
    return this.fail("one of = != > >= < <= LIKE ILIKE IN, NOT IN, IS NULL, IS NOT NULL", token);
  }

  /** A comma may stand behind the last value. */
  #list(): string[] {
    const values: string[] = [];
    const opening = this.next();
    if (opening.raw !== "(") this.fail("(", opening);
    for (;;) {
      const token = this.next();
      if (token.raw === ")" && values.length > 0) return values;
      if (token.kind !== "string") this.fail("a quoted string", token);
      values.push(token.text);
      const next = this.next();
      if (next.raw === ")") return values;
      if (next.raw !== ",") this.fail(", or )", next);
    }
  }

  #expect(word: string): void {
    const token = this.next();
    if (!isWord(token, word)) this.fail(word, token);
  }
}

export function isWord(token: Token, word: string): boolean {
  return token.kind === "word" && token.text.toUpperCase() === word;
}

function isDot(token: Token): boolean {
  return token.kind === "mark" && token.text === ".";
}
