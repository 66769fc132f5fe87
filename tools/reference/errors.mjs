// docs/reference/errors.md from the catalogue in src/http/errors.ts.

const HEAD = `# Errors

Every error has a code that never changes its meaning, an HTTP status and a hint. Our own API answers
\`{"error": {"code", "message", "hint", "where", "given", "allowed", "details"}}\`; the command line prints the
same, and with \`--json\` prints that object on stdout. MLflow's calls answer in MLflow's shape
(\`{"error_code", "message"}\`), Open Inference's calls with \`{"error": …}\`. Exit codes are in [cli.md](cli.md).

Made from \`src/http/errors.ts\` by \`node tools/reference.mjs --write\`.

| code | status | what to do next |
|---|---|---|
`;

/** One row for each code, in the order of the codes. */
export function errorsPage(catalogue) {
  const rows = Object.entries(catalogue).sort(([a], [b]) => (a < b ? -1 : 1));
  const cell = (text) => text.replaceAll("|", "\\|");
  return (
    HEAD + rows.map(([code, { status, hint }]) => `| \`${code}\` | ${status} | ${cell(hint)} |\n`).join("")
  );
}
