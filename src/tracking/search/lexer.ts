import { invalid } from "../wire/errors.ts";

export interface Token {
  /** `quoted` is in back-ticks, `string` in either kind of quotes; `mark` is one of `( ) , .` */
  kind: "word" | "quoted" | "string" | "number" | "operator" | "mark" | "end";
  /** Without its quotes. */
  text: string;
  /** As it stands in the filter. */
  raw: string;
  /** Its first character and the one behind its last, from 0. */
  at: number;
  end: number;
}

/** Characters of a filter that a message repeats. */
const EXCERPT = 300;

const SPACE = /\s+/y;
const OPERATOR = /!=|>=|<=|=|>|</y;
const MARK = /[(),.]/y;
const NUMBER = /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])/y;
const WORD = /[\p{L}_][\p{L}\p{N}_$#]*/uy;
/** Behind a dot a name may begin with a digit. */
const NAME = /[\p{L}\p{N}_$#]+/uy;

/**
 * The words of a filter or of an order_by clause, closed by one of kind `end`. Pure; takes time in proportion to
 * the text. As in MLflow nothing is escaped: a text with one kind of quotes in it is put into the other kind, and
 * doubled quotes inside quotes stay doubled.
 */
export function tokens(text: string, what = "filter"): Token[] {
  const found: Token[] = [];
  for (let at = 0; ;) {
    at = endOf(SPACE, text, at) ?? at;
    if (at >= text.length) break;
    const token = tokenAt(text, at, found.at(-1));
    if (!token) {
      throw invalid(
        `${CLAUSE[what] ?? CLAUSE["filter"]} '${excerpt(text)}': character ${at + 1}, '${text.charAt(at)}', can't be read.`,
      );
    }
    found.push(token);
    at = token.end;
  }
  found.push({ kind: "end", text: "", raw: "", at: text.length, end: text.length });
  return found;
}

/** How MLflow begins its messages. */
export const CLAUSE: Readonly<Record<string, string>> = {
  filter: "Invalid clause(s) in filter string",
  order_by: "Invalid order_by clause",
};

function tokenAt(text: string, at: number, before: Token | undefined): Token | undefined {
  const first = text.charAt(at);
  if (first === "'" || first === '"' || first === "`") return quotedAt(text, at, first);
  const make = (kind: Token["kind"], end: number): Token => {
    const raw = text.slice(at, end);
    return { kind, text: raw, raw, at, end };
  };
  const touches = before !== undefined && before.end === at;
  if (touches && before.text === "." && before.kind === "mark") {
    const end = endOf(NAME, text, at);
    if (end !== undefined) return make("word", end);
  }
  // `metrics.1` has no number in it.
  const isPath = touches && (before.kind === "word" || before.kind === "quoted" || before.kind === "string");
  const number = isPath ? undefined : endOf(NUMBER, text, at);
  if (number !== undefined) return make("number", number);
  for (const [kind, pattern] of [
    ["operator", OPERATOR],
    ["mark", MARK],
    ["word", WORD],
  ] as const) {
    const end = endOf(pattern, text, at);
    if (end !== undefined) return make(kind, end);
  }
  return undefined;
}

function quotedAt(text: string, at: number, quote: string): Token | undefined {
  for (let from = at + 1; ; from += 2) {
    from = text.indexOf(quote, from);
    if (from < 0) return undefined;
    if (text.charAt(from + 1) === quote) continue;
    const inner = text.slice(at + 1, from);
    // PostgreSQL has no place for this character, so nothing that is kept can contain it.
    if (inner.includes("\0")) return undefined;
    const kind = quote === "`" ? "quoted" : "string";
    return { kind, text: inner, raw: text.slice(at, from + 1), at, end: from + 1 };
  }
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/** A filter as it may stand in a message. */
export function excerpt(text: string): string {
  return text.length > EXCERPT ? `${text.slice(0, EXCERPT)}…` : text;
}
