import { BadInput } from "./bad-input.ts";

/**
 * Rows of a CSV text (RFC 4180: quotes, doubled quotes, line ends inside quotes; LF or CRLF). Blank lines are skipped.
 * Throws BadInput on a quote that isn't closed.
 */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = text.startsWith("\uFEFF") ? 1 : 0;
  while (at < text.length) {
    const { value, end } = text[at] === '"' ? quoted(text, at, rows.length + 1) : plain(text, at);
    row.push(value);
    const isLineEnd = end >= text.length || text[end] !== ",";
    at = end + (text[end] === "\r" && text[end + 1] === "\n" ? 2 : 1);
    if (!isLineEnd && at < text.length) continue;
    // A comma at the very end is followed by one more empty value.
    if (!isLineEnd) row.push("");
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  return rows;
}

function plain(text: string, start: number): { value: string; end: number } {
  let end = start;
  while (end < text.length && text[end] !== "," && text[end] !== "\n" && text[end] !== "\r") end += 1;
  return { value: text.slice(start, end), end };
}

function quoted(text: string, start: number, line: number): { value: string; end: number } {
  let value = "";
  for (let from = start + 1; ;) {
    const quote = text.indexOf('"', from);
    if (quote === -1) throw new BadInput(`row ${line} of the CSV has a quote that isn't closed`);
    value += text.slice(from, quote);
    if (text[quote + 1] !== '"') {
      const rest = plain(text, quote + 1);
      return { value: value + rest.value, end: rest.end };
    }
    value += '"';
    from = quote + 2;
  }
}
