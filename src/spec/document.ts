import { CST, Lexer, LineCounter, Parser, isAlias, isMap, isScalar, isSeq, parseDocument, visit } from "yaml";
import type { Document, Node, Pair } from "yaml";
import { describeValue } from "./issue.ts";
import type { Path } from "./issue.ts";
import type { SpecProblem } from "./parse.ts";

/** Bytes of one file. */
const MAX_BYTES = 256 * 1024;
/** Tokens of one file: about 3,000 lines. Recovery from syntax errors costs the square of it. */
const MAX_TOKENS = 20_000;
/** Lists and maps in each other. The composer recurses; unbounded nesting would end the whole process. */
const MAX_DEPTH = 64;
const MAX_ALIASES = 100;
const MAX_SYNTAX_PROBLEMS = 20;

/** Where something stands in a file. */
export interface Position {
  /** From 1. */
  line: number;
  /** From 1. */
  column: number;
}

/** A YAML file as plain data that still knows where each part of it stands. */
export interface SpecDocument {
  data: unknown;
  /** Of the key at the path's end, or of its value; of the nearest part above that exists when the path doesn't. */
  position(path: Path, at: "key" | "value"): Position;
}

type Read = { ok: true; document: SpecDocument } | { ok: false; problems: SpecProblem[] };

/**
 * Reads one YAML 1.2 document of bounded size, nesting and alias expansion, without custom tags, directives or
 * duplicate keys. Never throws.
 */
export function readDocument(text: string, file: string): Read {
  const lines = new LineCounter();
  const problem = (offset: number, rule: string, message: string, allowed?: string): SpecProblem => {
    const { line, col } = lines.linePos(offset);
    const facts = allowed === undefined ? {} : { allowed };
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), rule, message, ...facts };
  };
  const excess = findExcess(text, lines);
  if (excess !== undefined)
    return { ok: false, problems: [problem(excess.offset, excess.rule, excess.message, excess.allowed)] };

  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: "core",
    resolveKnownTags: false,
    stringKeys: true,
    // Checked below: the library compares every key with every other.
    uniqueKeys: false,
  });
  const problems = [...document.errors, ...document.warnings]
    .slice(0, MAX_SYNTAX_PROBLEMS)
    .map((error) =>
      problem(error.pos[0], ruleOf(error.code), syntaxMessage(error), syntaxAllowed(error.code)),
    );
  if (document.directives?.yaml.explicit === true || Object.keys(document.directives?.tags ?? {}).length > 1)
    problems.push(problem(0, "directive", "a % directive isn't taken here", "YAML 1.2 without directives"));
  problems.push(...findDuplicates(document, problem));
  if (problems.length > 0) return { ok: false, problems };

  try {
    const data: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return { ok: true, document: { data, position: positions(document, lines) } };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, problems: [problem(0, "alias", message, `at most ${MAX_ALIASES} uses of anchors`)] };
  }
}

type Excess = { offset: number; rule: string; message: string; allowed: string };

/** Looks for what would make parsing costly, by tokens only, and fills the line counter on the way. */
function findExcess(text: string, lines: LineCounter): Excess | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES)
    return {
      offset: 0,
      rule: "too-large",
      message: `the file has ${bytes} bytes`,
      allowed: `at most ${MAX_BYTES}`,
    };
  const before = new LineCounter();
  const parser = new Parser(before.addNewLine);
  let tokens = 0;
  let aliases = 0;
  for (const token of new Lexer().lex(text)) {
    const offset = parser.offset;
    // The generator does the parsing while it is drained; its results are made again by the composer.
    for (const _ of parser.next(token)) void _;
    tokens++;
    if (CST.tokenType(token) === "alias") aliases++;
    const say = (rule: string, message: string, allowed: string): Excess => {
      lines.lineStarts = before.lineStarts;
      return { offset, rule, message, allowed };
    };
    if (parser.stack.length > MAX_DEPTH)
      return say("too-deep", "lists and maps are nested too deep", "nesting of about 30 levels");
    if (tokens > MAX_TOKENS) return say("too-large", "the file is too long", "about 3000 lines");
    if (aliases > MAX_ALIASES)
      return say("alias", "too many aliases", `at most ${MAX_ALIASES} uses of anchors`);
  }
  return undefined;
}

const RULES: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: "one-document",
  TAG_RESOLVE_FAILED: "tag",
  NON_STRING_KEY: "key",
};

function ruleOf(code: string): string {
  return RULES[code] ?? "syntax";
}

function syntaxMessage(error: { code: string; message: string }): string {
  if (error.code === "MULTIPLE_DOCS") return "the file has more than one document";
  return error.message.replace(/^Unresolved tag/, "unknown tag");
}

function syntaxAllowed(code: string): string | undefined {
  if (code === "MULTIPLE_DOCS") return "one document; remove the line ---";
  if (code === "TAG_RESOLVE_FAILED") return "plain values without ! tags";
  return undefined;
}

function findDuplicates(
  document: Document.Parsed,
  problem: (offset: number, rule: string, message: string) => SpecProblem,
): SpecProblem[] {
  const problems: SpecProblem[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value) && problems.length < MAX_SYNTAX_PROBLEMS)
          problems.push(
            problem(
              key.range?.[0] ?? 0,
              "duplicate-key",
              `the key ${describeValue(key.value)} is given twice`,
            ),
          );
        seen.add(key.value);
      }
    },
  });
  return problems;
}

function positions(document: Document.Parsed, lines: LineCounter): SpecDocument["position"] {
  return (path, at) => {
    let node: Node | null | undefined = document.contents;
    let offset = node?.range?.[0] ?? 0;
    for (const [index, part] of path.entries()) {
      if (isAlias(node)) node = node.resolve(document);
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && item.key.value === part) as
          | Pair<Node, Node | null>
          | undefined;
        if (pair === undefined) break;
        const pointAtKey = (index === path.length - 1 && at === "key") || !pair.value?.range;
        offset = (pointAtKey ? pair.key : pair.value)?.range?.[0] ?? offset;
        node = pair.value;
      } else if (isSeq(node) && typeof part === "number") {
        node = node.items[part] as Node | undefined;
        if (node === undefined) break;
        offset = node?.range?.[0] ?? offset;
      } else break;
    }
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
}
