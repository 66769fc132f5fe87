/** Literals, quoted names and comments, which are left as they are, or what is looked for. */
const QUOTED = `'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\\n]*|/\\*[\\s\\S]*?\\*/`;
const PLACEHOLDERS = new RegExp(`${QUOTED}|\\?`, "g");
const TEXT_TYPE = new RegExp(`${QUOTED}|\\bTEXT\\b(?! COLLATE)`, "g");

/** `?` placeholders as PostgreSQL's `$1`, `$2`, …. */
export function numbered(sql: string): string {
  let count = 0;
  return sql.replace(PLACEHOLDERS, (token) => (token === "?" ? `$${++count}` : token));
}

/**
 * A migration's statement for PostgreSQL: text columns compare by bytes, as in SQLite. The order of names, keyset
 * paging and LIKE over an index must not depend on the language that somebody's server was set up with.
 */
export function byBytes(statement: string): string {
  if (!/^\s*(CREATE|ALTER)\s+TABLE\b/i.test(statement)) return statement;
  return statement.replace(TEXT_TYPE, (token) => (token === "TEXT" ? 'TEXT COLLATE "C"' : token));
}
