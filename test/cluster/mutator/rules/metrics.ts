import type { Category, Found, Rule } from "../edge.ts";

const QUERIES = new Set(["expr", "query", "promql"]);
/** What stands where a metric's name could and is none. */
const WORDS = new Set(
  "and or unless by without on ignoring group_left group_right bool offset start end inf nan atan2".split(
    " ",
  ),
);
const TOKEN =
  /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\$[a-zA-Z_]+|\$\{[^}]*\}|\d+(?:\.\d+)?(?:[a-z]+\d*)*|[a-zA-Z_:][a-zA-Z0-9_:]*|[\s\S]/g;

/** Names of metrics and of labels in PromQL, by a reading of its own: words, by what stands around them. */
export const queries: Rule = ({ path, value }) => {
  const key = path.at(-1);
  if (typeof value !== "string" || typeof key !== "string" || !QUERIES.has(key)) return [];
  return words(value).map(({ category, at, text }): Found => {
    const broken = `${value.slice(0, at)}${text}_gone${value.slice(at + text.length)}`;
    return {
      category,
      rule: category === "metrics" ? "metric of a query" : "label of a query",
      path,
      value,
      broken,
    };
  });
};

/** Metrics by which something scales. */
export const scaling: Rule = ({ path, value }) => {
  if (typeof value !== "string" || path.at(-1) !== "name") return [];
  const holder = path.at(-2);
  if (holder !== "metric" && !(holder === "resource" && path.includes("metrics"))) return [];
  return [{ category: "metrics", rule: "metric of a scaler", path, value, broken: `${value}_gone` }];
};

/** Functions, and aggregations that name their labels first. */
function isCalled(after: string): boolean {
  return after === "(" || /^(by|without)$/i.test(after);
}

interface Word {
  category: Category;
  at: number;
  text: string;
}

function words(query: string): Word[] {
  const tokens = [...query.matchAll(TOKEN)].map((match) => ({ text: match[0], at: match.index }));
  const solid = tokens.filter(({ text }) => text.trim() !== "");
  const found: Word[] = [];
  /** Open brackets, each with what its words are. */
  const open: ("labels" | "values" | "duration")[] = [];
  for (const [index, { text, at }] of solid.entries()) {
    const before = solid[index - 1]?.text ?? "";
    const after = solid[index + 1]?.text ?? "";
    if (text === "{") open.push("labels");
    else if (text === "[") open.push("duration");
    else if (text === "(")
      open.push(/^(by|without|on|ignoring|group_left|group_right)$/i.test(before) ? "labels" : "values");
    else if (/^[}\])]$/.test(text)) open.pop();
    else if (/^[a-zA-Z_:]/.test(text)) {
      const inside = open.at(-1) ?? "values";
      if (inside === "labels") found.push({ category: "labels", at, text });
      else if (inside === "values" && !isCalled(after) && !WORDS.has(text.toLowerCase()))
        found.push({ category: "metrics", at, text });
    }
  }
  return found;
}
