const OMITTED: Readonly<Record<string, string>> = {
  off: "not kept: serving.log.values is false",
  "too-large": "not kept: too large",
  unreadable: "can't be read",
};

/** One side's values of a row of the log for people: `a 1, b 2`, or the text that they were kept as. */
export function sideText(row: object, side: "input" | "output"): string {
  const { omitted, [`${side}s`]: text } = row as Readonly<Record<string, unknown>>;
  if (typeof omitted === "string") return `(${OMITTED[omitted] ?? omitted})`;
  if (typeof text === "string") return text;
  const values = Object.entries(row).filter(
    ([name, value]) => (name === side || name.startsWith(`${side}_`)) && value !== null,
  );
  return values.map(([name, value]) => `${name.slice(side.length + 1)} ${String(value)}`.trim()).join(", ");
}
