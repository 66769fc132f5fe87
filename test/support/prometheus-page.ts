/** A page in the Prometheus text format 0.0.4, as a scraper reads it. */
export interface PrometheusPage {
  types: Map<string, string>;
  helps: Set<string>;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*"`;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)?\\})? (\\S+)$`);

/** Reads a page strictly; throws at the first line that the format doesn't allow. */
export function readPrometheusPage(text: string): PrometheusPage {
  const page: PrometheusPage = { types: new Map(), helps: new Set(), samples: [] };
  const seen = new Set<string>();
  let current = "";
  if (!text.endsWith("\n")) throw new Error("the last line doesn't end");
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`).exec(line);
    if (comment !== null) {
      const [, kind, name = "", rest = ""] = comment;
      if (kind === "HELP") page.helps.add(name);
      else if (page.types.has(name)) throw new Error(`the type of ${name} is said twice`);
      else page.types.set(name, rest);
      current = name;
      continue;
    }
    const match = SAMPLE.exec(line);
    if (match === null) throw new Error(`not a sample: ${line}`);
    const [, name = "", labels = "", value = ""] = match;
    const family = page.types.get(current) === "histogram" ? name.replace(/_(bucket|sum|count)$/, "") : name;
    if (family !== current) throw new Error(`${name} stands among the samples of ${current}`);
    if (!/^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/i.test(value))
      throw new Error(`no number: ${line}`);
    const series = `${name}{${labels}}`;
    if (seen.has(series)) throw new Error(`${series} is there twice`);
    seen.add(series);
    page.samples.push({ name, labels: pairs(labels), value: Number(value.replace("Inf", "Infinity")) });
  }
  return page;
}

function pairs(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(([, name = "", value = ""]) => [
      name,
      value.replaceAll(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char)),
    ]),
  );
}
