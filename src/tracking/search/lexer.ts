import { invalid } from "../wire/errors.ts";

export interface Token {
  /** `word` includes dotted ones; `quoted` is in back-ticks, `string` in quotes; `mark` is one of `( ) ,`. */
  kind: "word" | "quoted" | "string" | "number" | "operator" | "mark";
  /** Without its quotes. */
  text: string;
  /** From 0. */
  at: number;
}

/** Characters of a filter that a message repeats. */
const EXCERPT = 300;

const PATTERNS: readonly [Token["kind"], RegExp][] = [
  ["operator", /!=|>=|<=|=|>|</y],
  ["mark", /[(),]/y],
  ["quoted", /`((?:[^`]|``)*)`/y],
  ["string", /"((?:[^"]|"")*)"|'((?:[^']|'')*)'/y],
  ["number", /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])/y],
  ["word", /[\p{L}_][\p{L}\p{N}_./:-]*/uy],
];

/** The words of a filter or of an order_by clause. Pure. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (let at = 0; at < text.length;) {
    const space = /\s+/y;
    space.lastIndex = at;
    if (space.test(text)) at = space.lastIndex;
    if (at >= text.length) break;
    const { token, end } = tokenAt(text, at);
    found.push(token);
    at = end;
  }
  return found;
}

function tokenAt(text: string, at: number): { token: Token; end: number } {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return { token: { kind, text: unquoted(match), at }, end: pattern.lastIndex };
  }
  throw invalid(`Invalid clause(s) in filter string '${excerpt(text)}': character ${at + 1} can't be read.`);
}

/** A doubled quote inside quotes stands for one. */
function unquoted(match: RegExpExecArray): string {
  const inner = match[1] ?? match[2];
  if (inner === undefined) return match[0];
  const quote = match[0].charAt(0);
  return inner.replaceAll(quote + quote, quote);
}

/** A filter as it may stand in a message. */
export function excerpt(text: string): string {
  return text.length > EXCERPT ? `${text.slice(0, EXCERPT)}…` : text;
}
