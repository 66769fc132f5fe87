/**
 * Matches `/`-separated paths against a declared input: `*` and `?` within a name, `**` across folders; a
 * path without wildcards also stands for everything below it when it names a folder.
 */
export function matcher(pattern: string): (path: string) => boolean {
  const clean = pattern.replace(/^\.\//, "").replace(/\/+$/, "");
  if (clean === "" || clean === ".") return () => true;
  let source = "";
  for (let at = 0; at < clean.length; at++) {
    const char = clean.charAt(at);
    if (clean.startsWith("**/", at)) {
      source += "(?:.*/)?";
      at += 2;
    } else if (clean.startsWith("**", at)) {
      source += ".*";
      at += 1;
    } else if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else source += char.replace(/[\\^$.|+()[\]{}]/, "\\$&");
  }
  const expression = new RegExp(`^${source}(?:/.*)?$`, "s");
  return (path) => expression.test(path);
}

/** True when any of the patterns matches. */
export function matchesAny(patterns: readonly string[]): (path: string) => boolean {
  const matchers = patterns.map(matcher);
  return (path) => matchers.some((matches) => matches(path));
}
